"""Finds the highest rate that a server holds, in an open loop: requests come however slowly they are answered.

In a closed loop who waits asks nothing, so that a queue never grows, and what is answered a second is more than a
server can be asked. Here short stages are asked at rates between nothing and that, each halfway between the highest
that was held and the lowest that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from load_generator import Answered

BOUND_MS = 1000.0  # of the p95: a start of workers on a machine of two cores holds answers up for some of it
GROWN_MS = (
    250.0  # by how much the median may be longer in the last third than in the first: else the queue grows
)
TRIES = 5  # the rate that is found lies within 1/32 of the bound that was given


@dataclass(frozen=True)
class Stage:
    """What came of a rate: the p95 of the latency, and by how much its median grew from the first third to the last."""

    per_s: float
    requests: int
    right: int
    p95_ms: float
    grown_ms: float

    @classmethod
    def of(cls, per_s: float, answers: Answered) -> Stage:
        """Return what answers show; a third is one of the requests in the order in which they were due."""
        order = np.argsort(answers.due_s, kind="stable")
        latency_ms = 1000 * (answers.done_s - answers.due_s)[order]  # (requests,), refusals too
        third = -(-len(order) // 3)
        grown_ms = float(np.median(latency_ms[-third:]) - np.median(latency_ms[:third]))
        p95_ms = float(np.quantile(latency_ms, 0.95))
        return cls(per_s, len(order), int(answers.right.sum()), p95_ms, grown_ms)

    @property
    def held(self) -> bool:
        """Return whether all was answered rightly, in time, and without a queue that grows."""
        return self.right == self.requests and self.p95_ms <= BOUND_MS and self.grown_ms <= GROWN_MS

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.per_s:.0f} /s: {self.right} of {self.requests} right, p95 {self.p95_ms:.0f} ms, the median "
            f"{self.grown_ms:+.0f} ms from the first third to the last: {'held' if self.held else 'not held'}"
        )


def held_rate(ask: Callable[[float], Answered], bound: float) -> tuple[list[Stage], float]:
    """Return what was tried below a rate, and the highest that was held (0: none); ask: asks a stage at a rate."""
    held, tried = 0.0, []
    for _ in range(TRIES):
        rate = (held + bound) / 2
        tried.append(Stage.of(rate, ask(rate)))
        held, bound = (rate, bound) if tried[-1].held else (held, rate)
    return tried, held
