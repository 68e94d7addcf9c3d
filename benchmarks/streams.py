"""Streams over HTTP: tokens a second and time to the first token beside llama.cpp's server, and 1,000 streams at once.

    python benchmarks/streams.py FOLDER [--gguf FILE --llama PYTHON] [--many 1000] [--threads 2]

FOLDER holds published weights of the Llama form: config.json, tokenizer.json, model.safetensors (SmolLM2-135M-Instruct
where the bars are meant); our package has them in 8 bits. FILE holds the same weights as GGUF, and PYTHON is an
interpreter with `xllamacpp` and `gguf`, whose server answers beside ours, from weights rewritten as Q8_0, the form that
is nearest in size. Both have as many threads, the same prompts and the same bound of tokens, take the likeliest token,
and are asked in turns. Without them our own figures are printed. Client and server share the machine: run it when it is
quiet.

`--many` then asks for so many streams at once, twice: with room for all, and with room for a quarter of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from tokenizers import Tokenizer

from decoding import read_body
from load_generator import Asked
from modelwright.core.signature import Signature
from modelwright.learners.exporting.decoder import stored_bits
from modelwright.package.packages import size_bytes, write
from running_servers import Running, free_port, served

STREAMS = (1, 8)
ROUNDS, ASKED_EACH, TOKENS = 2, 3, 64
MANY_TOKENS = 8
LEAST = {1: 1.0, 8: 1.8}
PLACES = (
    "Japan",
    "Peru",
    "Kenya",
    "Norway",
    "Egypt",
    "India",
    "Chile",
    "Ghana",
    "Spain",
    "Cuba",
    "Nepal",
    "Italy",
)
TASKS = ("Write a short story about a fox in {}.", "What should I see in {}?", "Describe the food of {}.")
TURN = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
LLAMA = """
import sys, time, xllamacpp
model, port, threads, streams = sys.argv[1], *map(int, sys.argv[2:])
params = xllamacpp.CommonParams()
params.model.path = model
params.port, params.n_parallel, params.n_ctx = port, streams, 512 * streams
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
while True:
    time.sleep(60)
"""

REWRITE = """
import sys, gguf, numpy as np
reader = gguf.GGUFReader(sys.argv[1])
writer = gguf.GGUFWriter(sys.argv[2], reader.fields["general.architecture"].contents())
for name, field in reader.fields.items():
    if not name.startswith("GGUF.") and name not in {"general.architecture", "general.file_type"}:
        writer.add_key_value(name, field.contents(), field.types[0], field.types[-1])
for tensor in reader.tensors:
    exact = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    is_matrix = exact.ndim == 2 and exact.shape[-1] % 32 == 0
    form = gguf.GGMLQuantizationType.Q8_0 if is_matrix else gguf.GGMLQuantizationType.F32
    writer.add_tensor(tensor.name, gguf.quants.quantize(exact, form), raw_dtype=form)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"""


@dataclass(frozen=True)
class Stream:
    """What one stream got: the status, seconds until its first text and its end, and its tokens."""

    status: int
    first_s: float
    whole_s: float
    tokens: int
    has_end: bool


@dataclass(frozen=True)
class Peer:
    """A server: its name, where it is, how a prompt is written to it, and its model's name there."""

    name: str
    port: int
    before: str
    after: str
    model: str


def make_package(folder: Path, out: Path) -> int:
    """Write our package of 8 bits, and return its bytes."""
    body = read_body(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    asked = [f"{TURN[0]}{text}{TURN[1]}" for (text, *_) in prompts_of(64, -1)]
    pieces = [tokenizer.encode(text, add_special_tokens=False).ids for text in asked]
    made = stored_bits.store(body, 8, pieces=pieces)
    assert made is not None
    settings = {
        **made.settings,
        "prompt": [{"text": TURN[0]}, {"input": "text"}, {"text": TURN[1]}],
        "ends": [2],
    }
    signature = Signature.parse("go_on(text: text) -> more: text")
    write(
        type(made)(signature, made.driver, made.graphs, made.states, made.files, settings),
        out,
        lineage={},
        versions={},
        threads=1,
    )
    return size_bytes(out)


@contextmanager
def ours(package: Path, threads: int, *settings: str) -> Iterator[tuple[Peer, Running]]:
    """Serve our package."""
    port = free_port()
    command = [sys.executable, "-m", "modelwright", "serve", "--package", str(package), "--port", str(port)]
    for one in (f"serve.threads={threads}", "serve.workers=1", "serve.limits.timeout_s=600", *settings):
        command += ["--set", one]
    with served("modelwright", command, Asked(port, "/", "", ""), "/v2/health/ready") as running:
        yield Peer("modelwright", port, "", "", "go_on"), running


@contextmanager
def llama(python: Path, model: Path, threads: int) -> Iterator[Peer]:
    """Serve by llama.cpp."""
    port = free_port()
    command = [str(python), "-c", LLAMA, str(model), str(port), str(threads), str(max(STREAMS))]
    with served("llama.cpp", command, Asked(port, "/", "", ""), "/health"):
        yield Peer("llama.cpp", port, *TURN, "model")


async def stream(peer: Peer, prompt: str, tokens: int) -> Stream:
    """Ask once, and read the answer as it comes."""
    body = json.dumps(
        {
            "model": peer.model,
            "prompt": f"{peer.before}{prompt}{peer.after}",
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port, limit=1 << 20)
    head = (
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    status = int((await reader.readline()).split()[1])
    first_s, counted, has_end = float("nan"), 0, False
    async for line in reader:  # an event is in one piece of the transfer: lines between them are sizes
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            has_end = True
            continue
        event = json.loads(line[6:])
        if any(one.get("text") for one in event.get("choices", ())) and first_s != first_s:
            first_s = time.perf_counter() - begun
        counted = (event.get("usage") or {}).get("completion_tokens", counted)
    writer.close()
    return Stream(status, first_s, time.perf_counter() - begun, counted, has_end)


async def at_once(peer: Peer, prompts: Sequence[Sequence[str]], tokens: int) -> tuple[list[Stream], float]:
    """Ask the prompts of each stream one after another, all streams at once; return what came, and the seconds."""

    async def one(some: Sequence[str]) -> list[Stream]:
        return [await stream(peer, prompt, tokens) for prompt in some]

    begun = time.perf_counter()
    found = await asyncio.gather(*(one(some) for some in prompts))
    return [each for some in found for each in some], time.perf_counter() - begun


def prompts_of(streams: int, turn: int) -> list[list[str]]:
    """Return prompts that no other turn has."""
    texts = [task.format(f"{place} ({turn})") for task in TASKS for place in PLACES]
    return [
        [texts[(stream * ASKED_EACH + one) % len(texts)] for one in range(ASKED_EACH)]
        for stream in range(streams)
    ]


def beside(peers: Sequence[Peer]) -> None:
    """Print tokens a second and the time to the first token of each, in turns."""
    for peer in peers:
        asyncio.run(at_once(peer, [["Warm up."]] * max(STREAMS), 8))
    for streams in STREAMS:
        rates: dict[str, list[float]] = {peer.name: [] for peer in peers}
        first: dict[str, list[float]] = {peer.name: [] for peer in peers}
        for turn in range(ROUNDS):
            for peer in peers:
                found, seconds = asyncio.run(at_once(peer, prompts_of(streams, turn), TOKENS))
                assert all(one.status == 200 and one.has_end for one in found), peer.name
                rates[peer.name].append(sum(one.tokens for one in found) / seconds)
                first[peer.name] += [one.first_s for one in found]
        for peer in peers:
            p95 = float(np.quantile(first[peer.name], 0.95))
            print(
                f"{peer.name:12} {streams} streams: {statistics.mean(rates[peer.name]):6.1f} tokens a second "
                f"({min(rates[peer.name]):.1f} … {max(rates[peer.name]):.1f}), first token p95 {1e3 * p95:.0f} ms, "
                f"n = {len(first[peer.name])}",
                flush=True,
            )
        if len(peers) > 1:
            mine, theirs = (statistics.mean(rates[peer.name]) for peer in peers)
            print(f"{'':12} ratio {mine / theirs:.2f} (bar ≥ {LEAST[streams]})", flush=True)


def many(package: Path, count: int, threads: int) -> None:
    """Ask for so many streams at once, with room for all and for a quarter."""
    for room in (count, count // 4):
        with ours(package, threads, f"serve.limits.queue={room}") as (peer, running):
            asyncio.run(at_once(peer, [["Warm up."]], 8))
            before = memory_mb(running)
            found, seconds = asyncio.run(at_once(peer, [[f"Hi, {one}"] for one in range(count)], MANY_TOKENS))
            answered = [one for one in found if one.status == 200]
            statuses = dict(Counter(one.status for one in found))
            cut = sum(not one.has_end for one in answered)
            print(
                f"{count} streams at once, room for {room}: {statuses} in {seconds:.1f} s, "
                f"{sum(one.tokens for one in answered) / seconds:.0f} tokens a second, "
                f"first token median {statistics.median(one.first_s for one in answered):.1f} s, "
                f"without an end {cut}, memory {before:.0f} → {memory_mb(running):.0f} MB",
                flush=True,
            )
            assert not cut
            assert set(statuses) <= {200, 429}


def memory_mb(running: Running) -> float:
    """Return what the server's processes hold."""
    processes: list[psutil.Process] = [running.process, *running.process.children(recursive=True)]
    return float(sum(one.memory_info().rss for one in processes)) / 1e6


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--llama", type=Path)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        package, model = Path(name) / "package", Path(name) / "q8_0.gguf"
        print(f"our package, 8 bit: {make_package(args.folder, package) / 1e6:.0f} MB", flush=True)
        peers = [stack.enter_context(ours(package, args.threads))[0]]
        if args.gguf and args.llama:
            subprocess.run([args.llama, "-c", REWRITE, str(args.gguf), str(model)], check=True)
            print(f"llama.cpp's file, Q8_0: {model.stat().st_size / 1e6:.0f} MB", flush=True)
            version = "import importlib.metadata as m; print(m.version('xllamacpp'))"
            found = subprocess.run([args.llama, "-c", version], capture_output=True, text=True, check=True)
            print(f"xllamacpp {found.stdout.strip()}, {args.threads} threads each", flush=True)
            peers.append(stack.enter_context(llama(args.llama, model, args.threads)))
        beside(peers)
        stack.close()
        if args.many:
            many(package, args.many, args.threads)


if __name__ == "__main__":
    main()
