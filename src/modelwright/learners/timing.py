"""How long work takes here, measured so that other programs beside it change little.

A budget becomes a number of steps, which `plan` seals; so a busy machine must not make the number smaller.
Wall time does that: beside as many busy processes as there are cores it showed 3 to 6 times the quiet figure.
CPU time of several threads does it too, if less (1.3 to 1.7 times), because threads of OpenMP wait for each
other by spinning. CPU time of one thread is within a tenth of the quiet figure. So work is timed on one
thread, and the time on several follows from the law of Amdahl (docs/decisions/010).
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Of a training step, what does not get quicker with threads: on 2 cores a step on 2 threads took 1 / 1.6 of one
# on 1 thread (batches of 16 × 16 and 32 × 32 tokens, width 384), and 1 / (0.2 + 0.8 / 2) is 1.67.
SERIAL_SHARE = 0.2


def now_s() -> float:
    """Return the CPU seconds that this process has used, over all its threads."""
    return time.process_time()


def least_s(work: Callable[[], object], repeats: int = 2) -> float:
    """Return the least CPU seconds that work took in so many tries: what disturbs only adds."""
    found = []
    for _ in range(repeats):
        started = now_s()
        work()
        found.append(now_s() - started)
    return min(found)


def on_threads(one_thread_s: float, threads: int) -> float:
    """Return the seconds on a quiet machine of work that took so long on one thread (Amdahl 1967)."""
    return one_thread_s * (SERIAL_SHARE + (1.0 - SERIAL_SHARE) / threads)
