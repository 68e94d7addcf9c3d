"""Opens a package with the threads that suit this machine, as they are timed when it is opened.

Threads that share a pass wait for each other at every product, and the longer the busier the machine is: beside a
gateway and its clients, a question to MiniLM in 8 bits took 2.6 ms on one thread and 4.2 ms on two, though alone they
were even. So a pass gets the fewest threads with which a row takes about as long as with any number of them, and the
cores that this leaves answer other requests. It is timed where it is served, and evidence is measured likewise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from modelwright.package.packages import Package
from modelwright.runtime.function import Columns, Function
from modelwright.runtime.worker.gpu_opening import opened_on_gpu
from modelwright.runtime.worker_layout import WorkerLayout

ENOUGH = 1.4  # times as long as on the best number of threads: fewer threads gain more than that, as above
BRIEF_S = (
    0.0005  # of a short row on one thread: less than the gateway's own work, so one worker keeps up with it
)
LONG_S = 0.05  # of the longest row on one thread: it surely gains from all cores, and the body may be large
_TRIES = 7  # in turns; the quickest counts, for the machine may do something else meanwhile
# Of long rows fewer: what disturbs them is a smaller part of them, and who has started a server waits for it.
_FEWEST_TRIES, _TRIED_S = 3, 0.05


@dataclass(frozen=True)
class Candidates:
    """A package opened with numbers of threads that may suit; layout: that of the only one, None of several."""

    cores: int
    functions: Sequence[Function]
    layout: WorkerLayout | None = None


def candidates(package: Package, cores: int) -> Candidates:
    """Open a package with each number of threads that may suit it, and try it; raises PackageError.

    What is timed here takes one thread, so that another process may keep the other cores busy meanwhile.
    """
    function = _tried(package, 1)
    if cores == 1 or function.streams:
        brief_s = long_s = None
    else:
        brief_s, long_s = (_least_s([function], row)[0] for row in _rows(function))
    if brief_s is not None and brief_s < BRIEF_S:
        return Candidates(cores, [function], WorkerLayout(1, 1))
    if long_s is None or long_s > LONG_S:
        del function  # before another one takes the same memory
        return Candidates(cores, [_tried(package, cores)], WorkerLayout(1, cores))
    return Candidates(cores, [function, *(Function(package, count) for count in [*_counts(cores)][1:])])


def opened(
    package: Package,
    threads: int | None,
    cores: int,
    device: Literal["auto", "cpu", "cuda"] = "cpu",
    ahead: Candidates | None = None,
) -> tuple[Function, WorkerLayout]:
    """Open a package with so many threads (None: as timed here, `cores` at most), and try it; raises PackageError.

    cores: those that its workers share; device: other than `cpu` where there is a GPU, which is then tried. ahead: what
    `candidates` returned of the same package.
    """
    if device != "cpu":
        on_gpu = opened_on_gpu(package, threads or cores, must=device == "cuda")
        if on_gpu is not None:  # one worker: others would wait for the same GPU
            return on_gpu, WorkerLayout(1, threads or cores, on_gpu=True)
    if threads is not None:
        return _tried(package, threads), WorkerLayout(max(1, cores // threads), threads)
    found = ahead if ahead is not None and ahead.cores == cores else candidates(package, cores)
    functions = found.functions
    if found.layout is not None:
        return functions[0], found.layout
    taken_s = [
        sum(one) for one in zip(*(_least_s(functions, row) for row in _rows(functions[0])), strict=True)
    ]
    place = next(place for place, one in enumerate(taken_s) if one <= ENOUGH * min(taken_s))
    count = functions[place].threads
    return functions[place], WorkerLayout(max(1, cores // count), count)


def _rows(function: Function) -> tuple[Columns, Columns]:
    return function.example(), function.longest()


def _tried(package: Package, threads: int) -> Function:
    function = Function(package, threads)
    function.require_answer()
    return function


def _counts(cores: int) -> Iterator[int]:
    """Yield the numbers of threads that are worth a try: powers of two, and all cores."""
    count = 1
    while count < cores:
        yield count
        count *= 2
    yield cores


def _least_s(functions: Sequence[Function], row: Columns) -> list[float]:
    """Return the least seconds that each function took for a row, (functions,)."""
    least_s = [float("inf")] * len(functions)
    first = time.perf_counter()
    for tries in range(_TRIES):
        if tries >= _FEWEST_TRIES and time.perf_counter() - first > _TRIED_S:
            break
        for place, function in enumerate(functions):
            begun = time.perf_counter()
            function.answer(row)
            least_s[place] = min(least_s[place], time.perf_counter() - begun)
    return least_s
