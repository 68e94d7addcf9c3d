"""What several processes that answer for one version bring: requests a second of our gateway by `serve.workers`.

    python benchmarks/workers.py --package FOLDER [--data FOLDER] [--connections 8,32] [--seconds 4]

The function is that of `serving.py`: Banking77's test questions, MiniLM with a linear head, 8-bit. One worker with all
cores, and as many workers as there are cores with one each, are asked in turns; every answer is compared with that of
the function in process.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
from pathlib import Path

import numpy as np

from banking77 import default_data
from load_generator import Answered, Asked, Load, load
from modelwright.runtime.function import load as load_function
from running_servers import free_port, our_command, served
from serving import line

ROUNDS = 3


def main() -> None:
    """Serve with each setting, ask in turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--connections", default="8,32")
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with (given.data / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    function = load_function(given.package)
    (asked_for,), (answered,) = function.signature.inputs, function.signature.outputs
    answers = function.predict([{asked_for.name: text} for text in texts])
    expected = [[f'"{getattr(one, answered.name)}"'] for one in answers]
    bodies = [json.dumps({asked_for.name: text}) for text in texts]
    settings = {(1, cores), (cores, 1), (cores, cores)}
    with contextlib.ExitStack() as stack:
        running = {}
        for workers, threads in sorted(settings):
            port = free_port()
            command = [
                *our_command(given.package, port),
                *("--set", f"serve.workers={workers}", "--set", f"serve.threads={threads}"),
            ]
            asked = Asked(port, f"/{function.signature.name}", bodies, expected)
            label = f"workers: {workers}, threads: {threads}"
            running[label] = stack.enter_context(served(label, command, asked, "/v2/health/ready"))
        for connections in map(int, given.connections.split(",")):
            found: dict[str, list[Answered]] = {label: [] for label in running}
            busy = dict.fromkeys(running, 0.0)
            for turn in range(ROUNDS):
                for label, one in running.items():
                    before = one.cpu_s()
                    found[label].append(load(one.asked, Load(connections, given.seconds / ROUNDS, seed=turn)))
                    busy[label] += one.cpu_s() - before
            for label, parts in found.items():
                print(line(label, connections, Answered.of(parts), busy[label]), flush=True)
            first, *others = (Answered.of(parts) for parts in found.values())
            best = max(others, key=lambda one: one.per_s)
            calm = [float(np.quantile(one.latency_ms(), 0.99)) for one in (first, best)]
            print(
                f"{connections:3d} connections: {best.per_s / first.per_s:.2f} times the requests a second of one "
                f"worker, p99 {calm[0] / calm[1]:.2f} times lower",
                flush=True,
            )


if __name__ == "__main__":
    main()
