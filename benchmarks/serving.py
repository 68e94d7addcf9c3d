"""Requests a second and latency of our HTTP server, beside LitServe and beside ONNX Runtime in process.

    python benchmarks/serving.py [--peer-python PYTHON] [--package FOLDER --rows FILE.jsonl]
                                 [--requests 3000] [--seconds 15] [--connections 1,8,32]

All serve the same package and answer the same rows in one run, on this machine, over loopback. LitServe runs
the same loaded function (`modelwright.load`), with and without batching, and the better of the two counts. The
servers take turns in short rounds; CPU is what a server's processes used for one request.
Without `--package` the package is a tiny bag of words, so that the server's own work is what is compared.
LitServe is left out, by name, where `--peer-python` (by default this interpreter) cannot import it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from modelwright.core.signature import Signature
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.text.arrays import TextState
from modelwright.package.body import Body
from modelwright.package.packages import read, write
from modelwright.runtime.function import load

START_S = 60.0
ROUNDS = 5
GRACE_S = 20.0  # for the last answers of a round

OURS = """
import sys
from pathlib import Path
from modelwright.core.digests import of_folder
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import serve
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, DesiredVersion

class One:
    def __init__(self):
        folder = Path(sys.argv[1])
        self.traffic = DesiredTraffic.all_to(1, DesiredVersion(1, folder, of_folder(folder)))
    def desired_traffic(self, *, leads): return self.traffic
    def moved(self, traffic): pass
    def failed(self, release_id, version, problem): sys.exit(str(problem))

serve(sys.argv[3], ServeConfig(port=int(sys.argv[2])), One())
"""

PEER = """
import sys
for folder in sys.argv[4].split(":"):
    sys.path.append(folder)  # behind its own: only what it lacks comes from ours
import litserve
from modelwright.runtime.function import load

class Api(litserve.LitAPI):
    def setup(self, device): self.function = load(sys.argv[1])
    def predict(self, given):
        if isinstance(given, list):
            return [answer.as_json() for answer in self.function.predict(given)]
        return self.function.predict([given])[0].as_json()

if __name__ == "__main__":
    api = Api(max_batch_size=int(sys.argv[3]), batch_timeout=0.001 if int(sys.argv[3]) > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False,
               log_level="error", access_log=False)
"""


@dataclass(frozen=True)
class Figure:
    """What one run showed: answers, seconds, and each answer's latency."""

    answers: int
    seconds: float
    latency_s: list[float]
    never_answered: int = 0

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.answers / self.seconds

    @property
    def p95_s(self) -> float:
        """Return the latency that 95 % stay below."""
        return float(np.quantile(self.latency_s, 0.95))

    @classmethod
    def of(cls, parts: list[Figure]) -> Figure:
        """Return several runs as one."""
        return cls(
            sum(part.answers for part in parts),
            sum(part.seconds for part in parts),
            [latency for part in parts for latency in part.latency_s],
            sum(part.never_answered for part in parts),
        )

    def __str__(self) -> str:
        p50, p95 = np.quantile(self.latency_s, [0.5, 0.95]) * 1000
        never = f"   {self.never_answered} NEVER ANSWERED" if self.never_answered else ""
        return f"{self.rate:8,.0f} /s   p50 {p50:7.2f} ms   p95 {p95:7.2f} ms{never}"


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    label: str
    port: int
    path: str
    process: subprocess.Popen[bytes]


def tiny_package(folder: Path) -> Path:
    """Write a package of `route(question: text) -> domain: category`: the mean of a vector for each word."""
    words = [f"w{i}" for i in range(1000)]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["[PAD]", "[UNK]", *words])}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    nodes = [
        helper.make_node("Gather", ["vectors", "question.ids"], ["embedded"]),
        helper.make_node("Cast", ["question.mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "two"], ["mask3"]),
        helper.make_node("Mul", ["embedded", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "one"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["domain.logits"]),
    ]
    classes = tuple(f"class {i}" for i in range(12))
    weights = {
        "vectors": np.random.default_rng(0).normal(size=(1002, len(classes))).astype(np.float32),
        "one": np.array([1], dtype=np.int64),
        "two": np.array([2], dtype=np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "model",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("question.ids", "question.mask")
        ],
        [helper.make_tensor_value_info("domain.logits", TensorProto.FLOAT, ["batch", len(classes)])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    body = Body(
        Signature.parse("route(question: text) -> domain: category"),
        "once",
        {"model": model.SerializeToString()},
        {"question": TextState(tokenizer.to_str().encode(), 64, 0), "domain": CategoryState(classes)},
    )
    write(body, folder, lineage={}, versions={}, threads=1)
    return folder


def tiny_rows() -> list[dict[str, object]]:
    """Return 500 questions of 3 to 20 words."""
    random = np.random.default_rng(1)
    return [
        {"question": " ".join(f"w{i}" for i in random.integers(0, 1100, random.integers(3, 20)))}
        for _ in range(500)
    ]


async def ask(
    port: int, path: str, rows: list[bytes], connections: int, requests: int, seconds: float
) -> Figure:
    """Ask over `connections` at once, each as soon as it was answered, until a count or a time is reached."""
    latency: list[float] = []
    left = iter(range(requests))
    begun = time.perf_counter()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number in left:
                body = rows[number % len(rows)]
                sent = time.perf_counter()
                if sent - begun > seconds:
                    return
                writer.write(
                    f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    sys.exit(f"{path} answered {head[:200]!r}")
                lines = head.lower().split(b"\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                latency.append(time.perf_counter() - sent)
        finally:
            writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(connections)]
    done, late = await asyncio.wait(tasks, timeout=seconds + GRACE_S)
    for task in late:  # its request was never answered
        task.cancel()
    for task in done:
        task.result()
    return Figure(len(latency), time.perf_counter() - begun, latency, len(late))


def in_process(
    package: Path, rows: list[dict[str, object]], requests: int, seconds: float
) -> dict[str, Figure]:
    """Return figures of the loaded function, and of its graph alone, called one row after the other."""
    function = load(package)
    sealed = read(package)
    from modelwright.runtime import drivers
    from modelwright.runtime.drivers.contract.driver import Call

    running = drivers.open_body(sealed.body, sealed.threads)
    encoded = []
    for row in rows:
        columns = function.rows.columns([function.rows.read(row)])
        encoded.append(
            {
                f"{field.name}.{name}": values
                for field in function.signature.inputs
                for name, values in function._kinds[field.name]
                .encode(columns[field.name], function._states[field.name])
                .items()
            }
        )
    work = {
        "ONNX Runtime in process, arrays given": lambda i: list(running.run(Call(encoded[i], {}))),
        "modelwright.load in process": lambda i: function.predict([rows[i]]),
    }
    figures = {}
    for name, call in work.items():
        for i in range(50):
            call(i % len(rows))
        latency, begun = [], time.perf_counter()
        for i in range(requests):
            start = time.perf_counter()
            call(i % len(rows))
            latency.append(time.perf_counter() - start)
            if latency and time.perf_counter() - begun > seconds:
                break
        figures[name] = Figure(len(latency), time.perf_counter() - begun, latency)
    return figures


@contextlib.contextmanager
def served(
    python: str, script: str, port: int, ready: str, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.py"  # LitServe starts processes that import it again
        file.write_text(textwrap.dedent(script), "utf-8")
        process = subprocess.Popen(
            [python, str(file), *arguments], start_new_session=True, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_ready(process, port, ready)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # LitServe's own processes outlive its end
            process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    """Wait until the health path answers 200."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
                if connection.recv(1000).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("a server did not become ready")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def importable(python: str, module: str) -> bool:
    """Return whether an interpreter can import a module."""
    return (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    )


def compare(servers: list[Running], bodies: list[bytes], level: int, requests: int, seconds: float) -> None:
    """Ask all servers in turns, so that what else the machine does meets them alike; print figures and ratios."""
    rounds: dict[str, list[Figure]] = {server.label: [] for server in servers}
    busy = {server.label: 0.0 for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            before = cpu_s(server.process)
            figure = asyncio.run(
                ask(server.port, server.path, bodies, level, requests // ROUNDS, seconds / ROUNDS)
            )
            busy[server.label] += cpu_s(server.process) - before
            rounds[server.label].append(figure)
    whole = {label: Figure.of(figures) for label, figures in rounds.items()}
    for label, figure in whole.items():
        cpu_ms = 1000 * busy[label] / figure.answers
        print(f"{label:<24} {level:3d} connections   {figure}   CPU {cpu_ms:6.2f} ms", flush=True)
    ours, *peers = (server.label for server in servers)
    if peers:
        best = max(peers, key=lambda label: whole[label].rate)
        rates = [a.rate / b.rate for a, b in zip(rounds[ours], rounds[best], strict=True)]
        slow = [a.p95_s / b.p95_s for a, b in zip(rounds[ours], rounds[best], strict=True)]
        print(
            f"  ours to {best}: {np.median(rates):.2f} times the requests a second,"
            f" {np.median(slow):.2f} times the p95 (medians of {ROUNDS} rounds)",
            flush=True,
        )


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU time of a server and of its processes."""
    top = psutil.Process(process.pid)
    times = [one.cpu_times() for one in (top, *top.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def main() -> None:
    """Run every server at every number of connections and print the figures and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--package", type=Path)
    parser.add_argument("--rows", type=Path, help="one JSON object a line")
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--connections", default="1,8,32")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        package = given.package or tiny_package(Path(folder) / "package")
        rows = [json.loads(line) for line in given.rows.open()] if given.rows else tiny_rows()
        name = read(package).body.signature.name
        bodies = [json.dumps(row).encode() for row in rows]
        for label, figure in in_process(package, rows, given.requests, given.seconds).items():
            print(f"{label:<42} {figure}", flush=True)

        def start(label: str, path: str, python: str, script: str, ready: str, *arguments: str) -> Running:
            port = free_port()
            process = stack.enter_context(
                served(python, script, port, ready, str(package), str(port), *arguments)
            )
            asyncio.run(ask(port, path, bodies, 8, 200, 5.0))  # warm
            return Running(label, port, path, process)

        servers = [start("Modelwright", f"/{name}", sys.executable, OURS, "/v2/health/ready", name)]
        if importable(given.peer_python, "litserve"):
            folders = ":".join(path for path in sys.path if path)
            servers += [
                start(label, "/predict", given.peer_python, PEER, "/health", batch, folders)
                for label, batch in (("LitServe, batches", "32"), ("LitServe, one by one", "1"))
            ]
        else:
            print(f"LitServe: skipped, {given.peer_python} cannot import it")
        for level in map(int, given.connections.split(",")):
            compare(servers, bodies, level, given.requests, given.seconds)


if __name__ == "__main__":
    main()
