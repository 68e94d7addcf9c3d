"""Measures a package as it will serve: latency at a stated load, throughput, memory and size.

It runs in a fresh process, so that nothing of the caller (its threads, its libraries) is measured too. Raw
samples come back; what they say about a requirement is decided elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modelwright.core.messages import PackageError, Problem, UserError
from modelwright.package.packages import read, size_bytes
from modelwright.runtime.batching import BATCH
from modelwright.runtime.function import Function
from modelwright.runtime.machine import cores
from modelwright.runtime.measured_writing import WrittenRequests, at_load, one_by_one
from modelwright.runtime.memory import free_bytes, peak_memory_bytes
from modelwright.runtime.worker.parent import die_with_parent
from modelwright.runtime.worker.timed_opening import opened

WARM_UP_REQUESTS = 20
STREAMS = 8  # that are written at once to measure throughput, for a full batch may take minutes
_MARGIN_S = 120.0  # for starting Python and loading the package


@dataclass(frozen=True)
class Plan:
    """What to measure. Bounded in count and in time, whichever is reached first.

    `load` is requests a second, arriving at random (Poisson) whether or not the last one is answered; None is
    one request at a time. `seconds` bounds latency and throughput each. threads, workers: of a pass, and that answer;
    None: as it is served here. alone: one worker answers, however many would suit this machine.
    """

    load: float | None = None
    requests: int = 1000
    seconds: float = 20.0
    threads: int | None = None
    workers: int | None = None
    alone: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Measured:
    """Raw samples in base units.

    latency_s: one a request, from its arrival to its answer, so that waiting behind others counts; first_s: to the
    first token of an answer that is written token by token; tokens_per_second: one an answer of at least two tokens;
    throughput: rows a second, one a pass of a full batch, of `workers` at once; memory_bytes: the most that one worker
    ever held; size_bytes: the package's files; threads: those of each worker.
    """

    plan: Plan
    latency_s: tuple[float, ...]
    throughput: tuple[float, ...]
    memory_bytes: int
    size_bytes: int
    threads: int
    workers: int
    first_s: tuple[float, ...] = ()
    tokens_per_second: tuple[float, ...] = ()


def measure(package: Path, rows: Sequence[Mapping[str, object]], plan: Plan) -> Measured:
    """Measure a package on rows as a request has them (JSON), in a fresh process; raises PackageError."""
    assert rows, "a package is measured on rows"
    task = json.dumps({"package": str(package), "rows": [dict(row) for row in rows], "plan": asdict(plan)})
    most_s = _MARGIN_S + 4 * plan.seconds
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "modelwright.runtime.measuring"],
            input=task,
            capture_output=True,
            text=True,
            check=False,
            timeout=most_s,
        )
    except subprocess.TimeoutExpired:
        problem = Problem("package.not-measured-in-time", where=str(package), most_s=most_s)
        raise PackageError(problem) from None
    if done.returncode != 0:
        raise PackageError(
            Problem(
                "package.not-measured",
                where=str(package),
                error=(done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300],
            )
        )
    found = json.loads(done.stdout)
    return Measured(
        plan,
        tuple(found["latency_s"]),
        tuple(found["throughput"]),
        found["memory_bytes"],
        size_bytes(package),
        found["threads"],
        found["workers"],
        tuple(found["first_s"]),
        tuple(found["tokens_per_second"]),
    )


def latencies(function: Function, rows: Sequence[Mapping[str, object]], plan: Plan) -> list[float]:
    """Return the seconds that each request took, in order of arrival.

    Requests that arrive while others are answered wait, and are then answered together, as a worker does.
    A request that is not answered when time is up counts with the time it has waited.
    """
    _warm_up(function, rows, plan)
    arrivals = _arrivals(plan)
    waited: list[float] = []
    begun = time.perf_counter()
    done = 0
    while done < len(arrivals):
        now = time.perf_counter() - begun
        if now > 2 * plan.seconds:
            return [*waited, *(now - arrival for arrival in arrivals[done:] if arrival < now)]
        if arrivals[done] > now:
            time.sleep(arrivals[done] - now)
            now = time.perf_counter() - begun
        here = done + 1
        while here < len(arrivals) and arrivals[here] <= now and here - done < BATCH:
            here += 1
        function.predict([rows[number % len(rows)] for number in range(done, here)])
        finished = time.perf_counter() - begun
        waited += [finished - arrival for arrival in arrivals[done:here]]
        done = here
    return waited


def one_at_a_time(function: Function, rows: Sequence[Mapping[str, object]], plan: Plan) -> list[float]:
    """Return the seconds that each request took, each sent when the last one was answered."""
    _warm_up(function, rows, plan)
    waited: list[float] = []
    deadline = time.perf_counter() + plan.seconds
    for number in range(plan.requests):
        row = rows[number % len(rows)]
        begun = time.perf_counter()
        function.predict([row])
        ended = time.perf_counter()
        waited.append(ended - begun)
        if ended > deadline:
            break
    return waited


def _requests(function: Function, rows: Sequence[Mapping[str, object]], plan: Plan) -> WrittenRequests:
    """Return what requests took, at the load that is planned."""
    if function.streams:
        _warm_up(function, rows, plan)
        if plan.load is not None:
            return at_load(function, rows, _arrivals(plan), plan.seconds)
        return one_by_one(function, rows, plan.requests, plan.seconds)
    timed = latencies if plan.load is not None else one_at_a_time
    return WrittenRequests(timed(function, rows, plan))


def throughputs(
    functions: Sequence[Function], rows: Sequence[Mapping[str, object]], plan: Plan
) -> list[float]:
    """Return rows a second of all functions together, each in a thread: a sample a pass of a full batch.

    Only passes beside which all the others worked count: each stands for what all of them did meanwhile.
    """
    found: list[list[float]] = [[] for _ in functions]
    ended = threading.Event()

    def work(place: int) -> None:
        try:
            for rate in _passes(functions[place], rows, plan):
                if ended.is_set():
                    return
                found[place].append(len(functions) * rate)
        finally:
            ended.set()

    with ThreadPoolExecutor(len(functions)) as threads:
        for one in [threads.submit(work, place) for place in range(len(functions))]:
            one.result()
    return [rate for one in found for rate in one]


def _passes(function: Function, rows: Sequence[Mapping[str, object]], plan: Plan) -> Iterator[float]:
    """Yield rows a second, for one full batch after the other."""
    deadline = time.perf_counter() + plan.seconds
    size = BATCH if not function.streams else STREAMS
    for first in range(0, plan.requests, size):
        batch = [rows[number % len(rows)] for number in range(first, first + size)]
        begun = time.perf_counter()
        function.predict(batch)
        ended = time.perf_counter()
        yield len(batch) / (ended - begun)
        if ended > deadline:
            break


def _warm_up(function: Function, rows: Sequence[Mapping[str, object]], plan: Plan) -> None:
    """Answer some requests that are not timed; of a body that answers token by token, one is a hundred passes."""
    for number in range(min(WARM_UP_REQUESTS if not function.streams else 1, plan.requests)):
        function.predict([rows[number % len(rows)]])


def _arrivals(plan: Plan) -> list[float]:
    """Return the seconds at which requests arrive: a Poisson process of rate `load`."""
    assert plan.load is not None
    assert plan.load > 0
    gaps = np.random.default_rng(plan.seed).exponential(1 / plan.load, plan.requests)
    times: list[float] = np.cumsum(gaps).tolist()
    # Under a tiny load the first might come next year; one request is measured all the same.
    return [moment for moment in times if moment <= plan.seconds] or [0.0]


def main() -> int:
    """Read the task from standard input, measure, and print the samples as JSON."""
    die_with_parent()
    task = json.load(sys.stdin)
    plan, rows = Plan(**task["plan"]), task["rows"]
    try:
        package = read(Path(task["package"]))
        function, layout = opened(package, plan.threads, max(1, cores() // (plan.workers or 1)))
        ran = _requests(function, rows, plan)
        next(_passes(function, rows, plan))  # a full batch takes more memory than a row
        memory_bytes = peak_memory_bytes()
        suited = layout.within(memory_bytes, free_bytes(), None) if not plan.alone else 1
        workers = plan.workers or suited
        others = [Function(package, layout.threads) for _ in range(workers - 1)]
        throughput = throughputs([function, *others], rows, plan)
    except UserError as error:
        sys.stderr.write(f"{error.problems[0]}\n")
        return 1
    found = {
        **asdict(ran),
        "throughput": throughput,
        "memory_bytes": memory_bytes,
        "threads": layout.threads,
        "workers": workers,
    }
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
