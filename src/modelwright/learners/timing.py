"""How long work takes here, measured so that other programs beside it change little.

A budget becomes a number of steps, which `plan` seals; so a busy machine must not make the number smaller.
Wall time does that: beside as many busy processes as there are cores it showed 3 to 6 times the quiet figure.
CPU time of all threads does it too, because threads of OpenMP wait for each other by spinning. The CPU time of the
one thread that the others help does not: it counts what that thread computes, alone or as its share, and not how long
it waits for a core. On a quiet machine it is what the clock shows, within a tenth (docs/decisions/010).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

# Of boosting, what does not get quicker with threads; a step of a network on 2 threads took 1 / 1.3 to 1 / 1.7 of one
# on 1 thread, by its size, so that is measured (`seconds`).
SERIAL_SHARE = 0.2

_ENOUGH_S = 3.0  # CPU time after which no further round is begun
_FEWEST_ROUNDS = 2
MOST_ROUNDS = 9  # on one thread, and again on several


def now_s() -> float:
    """Return the CPU seconds that this process has used, over all its threads."""
    return time.process_time()


def here_s() -> float:
    """Return the CPU seconds that the calling thread has used."""
    return time.thread_time()


def least_s(work: Callable[[], object], repeats: int = 2) -> float:
    """Return the least CPU seconds that work took in so many tries: what disturbs only adds."""
    return min(_spent(work, now_s) for _ in range(repeats))


def seconds(works: Sequence[Callable[[], object]], threads: int, use: Callable[[int], None]) -> float:
    """Return the seconds on a quiet machine of all these works, one after the other, on so many threads.

    use: sets how many threads work uses from then on; one is in use before and afterwards. Each round does all works,
    and the median of the rounds counts: the least would be a time that few steps of a long training take.
    """
    if threads == 1:
        return _median_s(works, now_s, _FEWEST_ROUNDS, _ENOUGH_S)
    alone = _median_s(works, now_s, 1, _ENOUGH_S / 3)  # for the bounds alone
    use(threads)
    try:
        shared = _median_s(works, here_s, _FEWEST_ROUNDS, _ENOUGH_S)
    finally:
        use(1)
    # n threads are at most n times as quick. They are not used to be slower than one; what shows so is spinning, of
    # an OpenMP that was loaded before `brief_waits` could ask it to sleep.
    return min(max(shared, alone / threads), alone)


def in_use(works: Sequence[Callable[[], object]]) -> float:
    """Return the seconds on a quiet machine of all these works, on as many threads as there are in use."""
    return _median_s(works, here_s, _FEWEST_ROUNDS, _ENOUGH_S)


def by_the_clock(works: Sequence[Callable[[], object]], wait: Callable[[], object]) -> float:
    """Return the seconds of all these works by the clock; wait: returns once all that was begun is done."""

    def now() -> float:
        wait()
        return time.perf_counter()

    return _median_s(works, now, _FEWEST_ROUNDS, _ENOUGH_S)


def on_threads(one_thread_s: float, threads: int) -> float:
    """Return the seconds on a quiet machine of boosting that took so long on one thread (Amdahl 1967)."""
    return one_thread_s * (SERIAL_SHARE + (1.0 - SERIAL_SHARE) / threads)


def _median_s(
    works: Sequence[Callable[[], object]], clock: Callable[[], float], fewest: int, enough_s: float
) -> float:
    """Return the median of the CPU seconds of rounds of all works: so many rounds, and more while they are quick."""
    found: list[float] = []
    while len(found) < fewest or (len(found) < MOST_ROUNDS and sum(found) < enough_s):
        found.append(sum(_spent(work, clock) for work in works))
    return statistics.median(found)


def _spent(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started
