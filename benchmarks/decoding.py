"""Writing with a decoder: tokens a second beside ONNX Runtime GenAI, equal tokens whatever else is under way, 8 bits.

    python benchmarks/decoding.py FOLDER --text FILE [--genai PYTHON] [--threads 1]

FOLDER holds published weights of the Llama form: config.json, tokenizer.json, model.safetensors (SmolLM2-135M-Instruct
where the bars are meant). FILE is any text of a few thousand words: prompts are cut from it, and perplexity is of it.
PYTHON is an interpreter with onnxruntime-genai, which runs the same graph with the same weights and as many threads,
turn by turn with ours (without it only our own figures are printed). `bench` runs alone on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from decoding_peer import CONTEXT, WRITTEN
from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.learners.exporting.decoder import stored_bits
from modelwright.learners.exporting.decoder.decoder_body import decoder_body
from modelwright.learners.exporting.decoder.external_weights import FILE
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.driver import Call
from modelwright.runtime.drivers.decode.driver import DecodeDriver, RunningDecode
from modelwright.runtime.drivers.decode.signed_bytes import BYTES, opened_graph

PROMPT = 32  # tokens
MOST_MB, MOST_LOST, MOST_DIFFER = 160, 0.02, 0
LEAST_GENAI = {1: 0.95, 8: 1.1}
LEAST_JOINING = 2.5
SCORED, PIECE = 4000, 200  # tokens whose perplexity is taken, and of how many a row is
ALIKE = 2000  # tokens by which channels are made alike


def read_body(folder: Path) -> Body:
    """Return the body of a folder of weights in float32, which goes on with a text and never ends."""
    states = {
        "text": kinds.arrays("text").fit([], form=Form.PROMPT),
        "more": kinds.arrays("text").fit([], role=Role.OUTPUT),
    }
    return decoder_body(
        Signature.parse("go_on(text: text) -> more: text"),
        states,
        load_file(folder / "model.safetensors"),
        json.loads((folder / "config.json").read_text("utf-8")),
        (folder / "tokenizer.json").read_bytes(),
        [{"input": "text"}],
        [],
        context=CONTEXT,
    )


def opened(body: Body, threads: int) -> RunningDecode:
    """Return the body opened anew."""
    running = DecodeDriver().open(body, threads)
    assert isinstance(running, RunningDecode)
    return running


def cut(tokenizer: Tokenizer, text: str, length: int) -> list[str]:
    """Return texts that are so many tokens long each, one after the other."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    pieces = [tokenizer.decode(ids[begin : begin + length]) for begin in range(0, len(ids), length)]
    return [piece for piece in pieces if len(tokenizer.encode(piece, add_special_tokens=False).ids) == length]


def written(running: RunningDecode, texts: Sequence[str], tokens: int) -> list[list[int]]:
    """Return the likeliest tokens that follow each text."""
    (*_, last) = running.run(Call({}, {"text": texts}, {"max_tokens": tokens, "logprobs": 0}))
    logprobs: Any = [one.details["logprobs"] for one in last.answers["more"]]
    return [[token["id"] for token in row] for row in logprobs]


def rate(running: RunningDecode, texts: Sequence[str]) -> float:
    """Return the tokens a second that are written after prompts, which are read within the same time."""
    begun = time.perf_counter()
    for _ in running.run(Call({}, {"text": texts}, {"max_tokens": WRITTEN})):
        pass
    return len(texts) * WRITTEN / (time.perf_counter() - begun)


def joining_rate(running: RunningDecode, texts: Sequence[str], streams: int = 32) -> float:
    """Return the tokens a second of streams that join one after the other and have answers of 16 to 96 tokens."""
    waiting = [(text, 16 + 80 * place // len(texts)) for place, text in enumerate(texts)]
    under_way: list[Any] = []
    tokens, begun = 0, time.perf_counter()
    while waiting or under_way:
        if waiting and len(under_way) < streams:
            text, most = waiting.pop()
            tokens += most
            under_way.append(running.run(Call({}, {"text": [text]}, {"max_tokens": most})))
        under_way = [one for one in under_way if next(one, None) is not None]
    return tokens / (time.perf_counter() - begun)


def perplexity(running: RunningDecode, texts: Sequence[str]) -> tuple[float, int]:
    """Return e to the mean loss of a token, given those before it in its piece, and how many tokens that is."""
    begins, rests = zip(*(text.strip().split(" ", 1) for text in texts), strict=True)
    found = running.log_likelihoods(Call({}, {"text": begins}), "more", [f" {rest}" for rest in rests])
    assert found is not None
    loss, tokens = np.nansum(found, axis=0).tolist()
    return math.exp(-loss / tokens), int(tokens)


def differing(body: Body, threads: int, texts: Sequence[str], tokens: int) -> tuple[int, int]:
    """Return how many greedy tokens differ from those written alone, and of how many; four ways to write them."""
    first = opened(body, threads)
    alone = [written(first, [text], tokens)[0] for text in texts]
    again = opened(body, threads)
    others = [written(again, texts, tokens)]  # among 8
    others.append([written(again, [text], tokens)[0] for text in texts])  # after a beginning that was kept
    others.append(written(opened(body, threads), texts[::-1], tokens)[::-1])  # restarted, in another order
    streams = [again.run(Call({}, {"text": [text]}, {"max_tokens": tokens, "logprobs": 0})) for text in texts]
    last: list[Any] = [None] * len(streams)
    while any(parts := [next(one, None) for one in streams]):
        last = [part or old for part, old in zip(parts, last, strict=True)]
    streamed: Any = [part.answers["more"][0].details["logprobs"] for part in last]
    others.append([[token["id"] for token in row] for row in streamed])
    return int(sum(np.sum(np.array(other) != alone) for other in others)), len(texts) * tokens


def save_for_genai(body: Body, folder: Path, config: dict[str, Any], threads: int) -> None:
    """Write the same graph with the inputs that GenAI feeds: a mask of positions, and one row of logits an answer."""
    name, files = opened_graph(body)  # as our driver opens it on this processor
    model = onnx.load_from_string(bytes(body.graphs[name]))
    graph = model.graph
    make, info = helper.make_node, helper.make_tensor_value_info
    last = next(node for node in graph.node if node.output[0] == "wanted")
    normed = next(node for node in graph.node if node.output[0] == "tokens").input[0]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(value, np.int64), name)
        for name, value in (("one", 1), ("axis", [1]), ("end", -1), ("begin", [1]), ("stop", [2]))
    )
    before = [
        make("ReduceSum", ["mask", "axis"], ["counts"], keepdims=0),
        make("Sub", ["counts", "one"], ["places"]),
        make("Cast", ["places"], ["lengths"], to=TensorProto.INT32),
        make("Shape", ["mask"], ["sizes"], start=1, end=2),
        make("Squeeze", ["sizes"], ["whole"]),
        make("Cast", ["whole"], ["total"], to=TensorProto.INT32),
    ]
    kept = [node for node in graph.node if node.output[0] not in ("tokens", "wanted")]
    place = next(at for at, node in enumerate(kept) if normed in node.output) + 1
    final = make("Gather", [normed, "end"], ["last"], axis=1)
    unsqueezed = make("Unsqueeze", ["last", "axis"], ["wanted"])
    nodes = [*before, *kept[:place], final, unsqueezed, *kept[place:]]
    assert last.op_type == "Gather"
    del graph.node[:]
    graph.node.extend(nodes)
    inputs = [one for one in graph.input if one.name == "ids" or one.name.startswith("past.")]
    del graph.input[:]
    graph.input.extend([*inputs, info("mask", TensorProto.INT64, ["n", "all"])])
    for value in (*graph.input, *graph.output):
        if "." in value.name:  # the cache is as long as GenAI makes it
            value.type.tensor_type.shape.dim[2].dim_param = "length"
    logits = next(one for one in graph.output if one.name == "logits")
    logits.CopyFrom(info("logits", TensorProto.FLOAT, ["n", 1, config["vocab_size"]]))
    onnx.save(model, folder / "model.onnx")
    for file in (FILE, BYTES):
        (folder / file).write_bytes(bytes(files[file]))
    heads, width = config["num_attention_heads"], config["hidden_size"]
    decoder = {
        "session_options": {"intra_op_num_threads": threads, "provider_options": []},
        "filename": "model.onnx",
        "head_size": width // heads,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_key_value_heads"],
        "inputs": {
            "input_ids": "ids",
            "attention_mask": "mask",
            "past_key_names": "past.%d.key",
            "past_value_names": "past.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    whole = {
        "model": {
            "type": "llama",
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
            "context_length": CONTEXT,
            "vocab_size": config["vocab_size"],
            "decoder": decoder,
        },
        "search": {"do_sample": False, "max_length": CONTEXT, "past_present_share_buffer": True},
    }
    (folder / "genai_config.json").write_text(json.dumps(whole))


class Genai:
    """GenAI in a process of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        command = [python, str(Path(__file__).with_name("decoding_peer.py")), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self._ask(None)

    def rate(self, ids: list[list[int]]) -> tuple[float, list[list[int]]]:
        """Return the tokens a second after prompts, and the tokens."""
        found: tuple[float, list[list[int]]] = self._ask(ids)
        return found

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _ask(self, question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if question is not None:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def beside_genai(body: Body, options: argparse.Namespace, texts: Sequence[str], tokenizer: Tokenizer) -> None:
    """Print tokens a second at 1 and 8 streams, ours and the peer's in turn: medians of `--turns`."""
    ours = opened(body, options.threads)
    with tempfile.TemporaryDirectory() as folder:
        config = json.loads((options.folder / "config.json").read_text("utf-8"))
        save_for_genai(body, Path(folder), config, options.threads)
        genai = Genai(options.genai, Path(folder)) if options.genai else None
        for streams, least in LEAST_GENAI.items():
            own: list[float] = []
            peers: list[float] = []
            for turn in range(options.turns):
                some = texts[turn * streams : (turn + 1) * streams]
                own.append(rate(ours, some))
                if genai is not None:
                    peers.append(
                        genai.rate([tokenizer.encode(one, add_special_tokens=False).ids for one in some])[0]
                    )
            line = f"{streams} streams: {statistics.median(own):.0f} tokens a second"
            if genai is not None:
                ratio = statistics.median(one / other for one, other in zip(own, peers, strict=True))
                line += (
                    f", onnxruntime-genai {genai.version} {statistics.median(peers):.0f}: {ratio:.2f} times"
                )
                line += f" (bar {least})"
            print(line, flush=True)
        if genai is not None:
            genai.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--genai", help="an interpreter that has onnxruntime-genai")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=250, help="of each of the 8 answers that are compared")
    parser.add_argument("--only", choices=["speed", "same", "loss"])
    options = parser.parse_args()
    plain = read_body(options.folder)
    tokenizer = Tokenizer.from_file(str(options.folder / "tokenizer.json"))
    text = options.text.read_text("utf-8")
    # channels are made alike by tokens behind those that are scored
    ids = tokenizer.encode(text, add_special_tokens=False).ids[SCORED + PIECE :]
    alike = [ids[begin : begin + PIECE] for begin in range(0, ALIKE, PIECE)]
    stored = stored_bits.store(plain, 8, pieces=alike)
    assert stored is not None
    body = replace(stored, settings={**stored.settings, "slots": 32})
    texts = cut(tokenizer, text, PROMPT)
    if options.only in (None, "speed"):
        beside_genai(body, options, texts, tokenizer)
        running = opened(body, options.threads)
        one = statistics.median(rate(running, texts[-turn - 1 :][:1]) for turn in range(options.turns))
        many = joining_rate(running, texts[:96])
        shown = f"{many:.0f} tokens a second, {many / one:.2f} times one's (bar {LEAST_JOINING})"
        print(f"32 streams that join and leave: {shown}", flush=True)
    if options.only in (None, "same"):
        differ, of = differing(body, options.threads, texts[:8], options.tokens)
        print(f"greedy tokens that differ: {differ} of {of:,}, four ways (bar {MOST_DIFFER})", flush=True)
    if options.only in (None, "loss"):
        pieces = cut(tokenizer, text, PIECE)[: SCORED // PIECE]
        before, tokens = perplexity(opened(plain, options.threads), pieces)
        after, _ = perplexity(opened(body, options.threads), pieces)
        size = sum(len(one) for one in (*body.graphs.values(), *body.files.values())) / 1e6
        lost = f"{after / before - 1:+.2%} of {tokens:,} tokens (bar {MOST_LOST:.0%})"
        print(f"perplexity in 32 bits {before:.3f}, in 8 {after:.3f}: {lost}")
        print(f"size in 8 bits: {size:.1f} MB (bar {MOST_MB})")


if __name__ == "__main__":
    main()
