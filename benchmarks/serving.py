"""Requests a second and latency of our gateway with real questions, beside four peers and ONNX Runtime in process.

    python benchmarks/serving.py --environments FOLDER [--peers LitServe,BentoML,"Ray Serve",MLflow]
                                 [--package FOLDER] [--connections 1,8,32,128] [--seconds 4] [--ready 0]

The function sorts the questions of Banking77's test file into 77 intents: MiniLM with a linear head, 8-bit, as
`modelwright run` packages it (`--package` takes one that was made before). All peers answer with the same graph and
tokenizer (`serving_peers.py`), each from an environment of its own, `FOLDER/litserve`, `FOLDER/bentoml` …, made by
`python -m venv FOLDER/litserve && FOLDER/litserve/bin/pip install litserve uvloop httptools onnxruntime tokenizers`.
One that is not there is left out, by name. Ours is `modelwright serve --package` as it is; of a peer, every setting is
tried at every number of connections, in turns with ours, and its best one counts. Every answer is compared with that of
the function in process. `--ready N` measures instead how long a server takes until it answers, N times each.

Client and server share the machine: see `load_generator.py`, whose CPU is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from banking77 import default_data
from load_generator import Answered, Asked, Load, load
from modelwright.package import content
from modelwright.package.packages import read
from modelwright.runtime.function import Function
from modelwright.runtime.function import load as load_function
from running_servers import Running, end, free_port, our_command, served, wait_until
from serving_peers import PEER_FUNCTION, PEERS, Peer, Setting

ROUNDS = 2
SIZES = (1, 4, 8, 16)  # rows of a pass in process
BARS = (
    "bars: 2 times the best peer's requests a second at 32 and 128 connections, not behind at 1; half its p99"
)


@dataclass(frozen=True)
class Beside:
    """What a peer's setting and ours showed in the same turns."""

    label: str
    peer: Answered
    ours: Answered


def make_package(data: Path, folder: Path) -> Path:
    """Return the package that a run over Banking77 makes."""
    project = {
        "function": "intent(text: text) -> intent: category",
        "requirements": {"accuracy": ">= 0.88"},
        "data": {
            **{name: str(data / f"{name}.csv") for name in ("train", "test")},
            "columns": {"intent": "category"},
        },
        "model": {"learner": "probe"},
        "learn": {"budget": "2 min"},
    }
    folder.mkdir()
    (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
    command = [sys.executable, "-m", "modelwright", "run", "--to", "package", "--project", str(folder)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (found,) = (folder / ".modelwright/objects/package").glob("*/package")
    return found


def write_for_peers(function: Function, package: Path, folder: Path) -> None:
    """Write the function's graph, tokenizer and classes as files that need nothing of ours."""
    sealed = read(package)
    (given,), (answered,) = function.signature.inputs, function.signature.outputs
    text, category = function.state(given.name), function.state(answered.name)
    folder.mkdir()
    content.write(sealed.body.graphs["model"], folder / "model.onnx")
    for name, file in sealed.body.files.items():
        content.write(file, folder / name)
    (folder / "tokenizer.json").write_bytes(text.tokenizer)
    about = {
        "input": given.name,
        "max_length": text.max_length,
        "pad_id": text.pad_id,
        "classes": category.classes,
        "temperature": category.temperature,
    }
    (folder / "about.json").write_text(json.dumps(about), "utf-8")
    (folder / "peer_function.py").write_text(PEER_FUNCTION, "utf-8")


def in_process(folder: Path, texts: Sequence[str], cores: int, seconds: float) -> dict[int, float]:
    """Print how fast ONNX Runtime is without a server, and return its best texts a second by the rows of a pass.

    One session has all cores, or each core has a session of its own; rows come in any order, or with their like.
    """
    names: dict[str, object] = {}
    exec(compile(PEER_FUNCTION, "peer_function.py", "exec"), names)
    by_length = sorted(texts, key=len)
    best: dict[int, float] = {}
    for sessions, threads in sorted({(1, cores), (cores, 1)}):
        functions = [names["PeerFunction"](folder, threads) for _ in range(sessions)]  # type: ignore[operator]
        for size in SIZES:
            for order, rows in (("as they come", list(texts)), ("by length", by_length)):
                batches = [rows[i : i + size] for i in range(0, len(rows) - size + 1, size)]
                np.random.default_rng(0).shuffle(batches)
                with ThreadPoolExecutor(sessions) as at_once:
                    rates = [at_once.submit(_rate, one, batches, seconds) for one in functions]
                    whole = size * sum(one.result() for one in rates)
                best[size] = max(best.get(size, 0.0), whole)
                print(
                    f"ONNX Runtime in process, {sessions} × {threads} threads, batches of {size:2d}, rows {order:12}: "
                    f"{whole:6.0f} texts a second",
                    flush=True,
                )
    return best


def beside_in_process(best: Mapping[int, float], level: int, answered: Answered, rows: float) -> None:
    """Print how ours stands to ONNX Runtime in process with passes of about as many rows."""
    size = min(best, key=lambda one: abs(one - rows))
    print(
        f"{level:3d} connections: {answered.per_s / best[size]:.0%} of ONNX Runtime in process with batches of {size} "
        f"(a question was in a pass of {rows:.1f} rows); bar: 85 %",
        flush=True,
    )


def _passes(running: Running) -> tuple[float, float]:
    """Return of all requests so far the rows of their passes, summed, and their number, as our gateway counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.asked.port}/metrics") as page:
        lines = [line.rsplit(" ", 1) for line in page.read().decode().splitlines()]
    total, count = (
        sum(float(value) for name, value in lines if name.startswith(f"modelwright_batch_size_{what}{{"))
        for what in ("sum", "count")
    )
    return total, count


def _rate(call: Callable[[object], object], given: Sequence[object], seconds: float) -> float:
    """Return calls a second."""
    for one in given[:10]:
        call(one)
    begun, done = time.perf_counter(), 0
    while (now := time.perf_counter()) - begun < seconds:
        call(given[done % len(given)])
        done += 1
    return done / (now - begun)


@dataclass(frozen=True)
class Questions:
    """The texts to ask, and the class that the function gives each."""

    texts: Sequence[str]
    labels: Sequence[str]

    def asked(self, port: int, path: str, bodies: Sequence[str]) -> Asked:
        """Return them as requests."""
        return Asked(port, path, bodies, [[f'"{label}"'] for label in self.labels])


class Comparison:
    """Ours beside the peers; `folder` holds what the peers read."""

    def __init__(self, package: Path, folder: Path, questions: Questions, function: Function) -> None:
        self._package, self._folder, self._questions = package, folder, questions
        self._name, self._input = function.signature.name, function.signature.inputs[0].name

    @contextlib.contextmanager
    def ours(self) -> Iterator[Running]:
        """Run our gateway."""
        port = free_port()
        command, asked = our_command(self._package, port), self._our_asked(port)
        with served("Modelwright", command, asked, "/v2/health/ready") as running:
            yield running

    @contextlib.contextmanager
    def peer(self, name: str, setting: Setting, environment: Path) -> Iterator[Running]:
        """Run a peer with a setting, from its environment."""
        peer, port = PEERS[name], free_port()
        asked = self._peer_asked(peer, port)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            how = prepared(peer, folder, environment, self._folder, setting)
            command = peer.command(environment, self._folder, port, setting)
            with served(f"{name}, {setting}", command, asked, peer.ready, cwd=folder, env=how) as running:
                yield running

    def starts(self, environments: Mapping[str, Path]) -> Iterator[tuple[str, float]]:
        """Yield how long each server takes from its start to its first answer, with its first setting."""
        port = free_port()
        yield (
            "Modelwright",
            ready_s(our_command(self._package, port, as_it_comes=True), self._our_asked(port)),
        )
        for name, environment in environments.items():
            peer, port, setting = PEERS[name], free_port(), PEERS[name].settings[-1]
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                how = prepared(peer, folder, environment, self._folder, setting)
                command = peer.command(environment, self._folder, port, setting)
                yield name, ready_s(command, self._peer_asked(peer, port), cwd=folder, env=how)

    def _our_asked(self, port: int) -> Asked:
        bodies = [json.dumps({self._input: text}) for text in self._questions.texts]
        return self._questions.asked(port, f"/{self._name}", bodies)

    def _peer_asked(self, peer: Peer, port: int) -> Asked:
        return self._questions.asked(port, peer.path, peer.bodies(list(self._questions.texts)))

    def beside(self, ours: Running, theirs: Running, connections: int, seconds: float) -> Beside:
        """Ask both in turns, so that what else the machine does meets them alike, and print what they showed."""
        found: dict[str, list[Answered]] = {ours.label: [], theirs.label: []}
        busy = dict.fromkeys(found, 0.0)
        for turn in range(ROUNDS):
            for running in (ours, theirs):
                before = running.cpu_s()
                how = Load(connections, seconds / ROUNDS, seed=turn)
                found[running.label].append(load(running.asked, how))
                busy[running.label] += running.cpu_s() - before
        for label, parts in found.items():
            print(line(label, connections, Answered.of(parts), busy[label]), flush=True)
        return Beside(theirs.label, Answered.of(found[theirs.label]), Answered.of(found[ours.label]))


def prepared(peer: Peer, folder: Path, environment: Path, given: Path, setting: Setting) -> Mapping[str, str]:
    """Write a peer's script, run what it needs before, and return its environment variables."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables = {
        **own,
        **peer.environment,
        "PATH": f"{environment / 'bin'}:{own.get('PATH', '')}",
        "PEER_FOLDER": str(given),
        "PEER_SETTINGS": f"{setting.rows} {setting.workers} {setting.threads}",
        "PYTHONPATH": str(folder),
    }
    (folder / "server.py").write_text(peer.script, "utf-8")
    (folder / "peer_function.py").write_text(PEER_FUNCTION, "utf-8")
    if peer.prepare is not None:
        (folder / "prepare.py").write_text(peer.prepare, "utf-8")
        command = [str(environment / "bin/python"), "prepare.py", "saved"]
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"{peer.package} could not be prepared:\n{done.stderr.decode()[-2000:]}")
    return variables


def line(label: str, connections: int, found: Answered, busy_s: float) -> str:
    """Return what a load showed as one line."""
    latency = found.latency_ms()
    p50, p99 = np.quantile(latency, [0.5, 0.99]) if len(latency) else (np.nan, np.nan)
    faults = {"lost": found.lost, "wrong": found.wrong, "refused": found.refused}
    said = "".join(f"  {count} {name.upper()}" for name, count in faults.items() if count)
    answers = max(1, len(found.status))
    return (
        f"{label:42} {connections:3d} connections {found.per_s:7.0f} /s  p50 {p50:7.1f}  p99 {p99:7.1f} ms  "
        f"CPU {1000 * busy_s / answers:5.2f} + {1000 * found.cpu_s / answers:.2f} ms{said}"
    )


def summary(found: Mapping[int, Sequence[Beside]]) -> None:
    """Print for each number of connections how ours stands to the best peer."""
    print(BARS)
    for connections, all_of in found.items():
        best = max(all_of, key=lambda one: one.peer.per_s)
        calm = min(all_of, key=lambda one: p99(one.peer))
        print(
            f"{connections:3d} connections: {best.ours.per_s / best.peer.per_s:.2f} times the requests a second of "
            f"{best.label}; p99 {p99(calm.peer) / p99(calm.ours):.2f} times lower than that of {calm.label}",
            flush=True,
        )


def p99(found: Answered) -> float:
    """Return the latency that 99 % of the answers stay below, in milliseconds."""
    latency = found.latency_ms()
    return float(np.quantile(latency, 0.99)) if len(latency) else float("inf")


def ready_s(command: list[str], asked: Asked, **how: object) -> float:
    """Return the seconds from a server's start to its first answer to a question."""
    body = asked.bodies[0].encode()
    request = (
        f"POST {asked.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
        f"content-length: {len(body)}\r\n\r\n{body.decode()}"
    )
    begun = time.perf_counter()
    process = subprocess.Popen(  # type: ignore[call-overload]
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **how
    )
    try:
        if not wait_until(process, asked.port, request):
            sys.exit(f"{command[0]} did not become ready")
        return time.perf_counter() - begun
    finally:
        end(process)


def main() -> None:
    """Run every peer's every setting beside ours, and print the figures and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", type=Path, help="the folder with an environment for each peer")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--package", type=Path, help="of a function from a text to a category")
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--connections", default="1,8,32,128")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each server at each level")
    parser.add_argument("--ready", type=int, default=0, help="times that each server is started")
    given = parser.parse_args()
    if not (given.data / "test.csv").exists():
        print(f"skipped: Banking77 is not in {given.data}")
        return
    with tempfile.TemporaryDirectory(prefix="serving-") as temporary:
        package = (given.package or make_package(given.data, Path(temporary) / "project")).absolute()
        function, folder = load_function(package), Path(temporary) / "peers"
        write_for_peers(function, package, folder)
        with (given.data / "test.csv").open(newline="", encoding="utf-8") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        np.random.default_rng(0).shuffle(texts)
        name, answer = function.signature.inputs[0].name, function.signature.outputs[0].name
        answers = function.predict([{name: text} for text in texts])
        questions = Questions(texts, [str(getattr(one, answer)) for one in answers])
        comparison = Comparison(package, folder, questions, function)
        environments = dict(_environments(given.environments, given.peers.split(",")))
        if given.ready:
            compare_starts(comparison, environments, given.ready)
            return
        best = in_process(folder, texts, len(os.sched_getaffinity(0)), given.seconds / 4)
        levels = [int(level) for level in given.connections.split(",")]
        compare(comparison, environments, levels, given.seconds, best)


def _environments(folder: Path | None, peers: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield each peer that is installed, and where; say which is not."""
    for name in filter(None, peers):
        environment = (folder or Path()) / PEERS[name].package
        if folder is None or not (environment / "bin/python").exists():
            print(f"{name}: skipped, there is no environment {environment}")
        else:
            yield name, environment.absolute()


def compare(
    comparison: Comparison,
    environments: Mapping[str, Path],
    levels: Sequence[int],
    seconds: float,
    best: Mapping[int, float],
) -> None:
    """Run each peer's settings beside ours at all levels, then print the ratios to the best."""
    found: dict[int, list[Beside]] = {level: [] for level in levels}
    with comparison.ours() as ours:
        load(ours.asked, Load(8, 2.0))  # warm
        for name, environment in environments.items():
            for setting in PEERS[name].settings:
                with comparison.peer(name, setting, environment) as theirs:
                    load(theirs.asked, Load(8, 2.0))
                    for level in levels:
                        found[level].append(comparison.beside(ours, theirs, level, seconds))
        for level in levels:
            before, begun = ours.cpu_s(), _passes(ours)
            alone = load(ours.asked, Load(level, seconds))
            print(line(ours.label, level, alone, ours.cpu_s() - before), flush=True)
            rows, requests = (after - one for after, one in zip(_passes(ours), begun, strict=True))
            beside_in_process(best, level, alone, rows / requests)
    if environments:
        summary(found)


def compare_starts(comparison: Comparison, environments: Mapping[str, Path], times: int) -> None:
    """Print how long ours and MLflow's server take until they answer, started in turns."""
    taken: dict[str, list[float]] = {}
    for _ in range(times):
        for label, seconds in comparison.starts(environments):
            taken.setdefault(label, []).append(seconds)
    ours, *others = taken
    for label, seconds in taken.items():
        print(
            f"{label:42} until the first answer: median {np.median(seconds):.2f} s, best {min(seconds):.2f} s"
        )
    for label in others:
        print(f"{label} / {ours}: {np.median(taken[label]) / np.median(taken[ours]):.1f} times as long")
    print("bars: 1.5 s, and a fifth of MLflow's")


if __name__ == "__main__":
    main()
