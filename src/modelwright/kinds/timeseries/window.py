"""The canonical value of the kind: numbers over time, in few bytes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

GAP = math.nan


@dataclass(frozen=True)
class TimeWindow:
    """Numbers over time, `steps` of `channels` each; a gap is NaN, and at least one number is there.

    numbers: float64 in the machine's order, step by step; equal series have equal bytes.
    """

    numbers: bytes
    channels: int = 1

    @classmethod
    def of(cls, numbers: Iterable[float], channels: int = 1) -> TimeWindow:
        """Return the series of numbers, step by step; NaN is a gap."""
        # every NaN has the same bits, and -0.0 is 0.0
        return cls(array("d", (GAP if one != one else one + 0.0 for one in numbers)).tobytes(), channels)  # noqa: PLR0124

    @property
    def steps(self) -> int:
        """Return how many steps it has."""
        return len(self.numbers) // 8 // self.channels

    @cached_property
    def flat(self) -> list[float]:
        """Return the numbers, step by step; NaN is a gap."""
        return array("d", self.numbers).tolist()

    def level(self) -> float:
        """Return the mean of the numbers that are there."""
        there = [one for one in self.flat if not math.isnan(one)]
        most = max(map(abs, there)) or 1.0  # so that the sum of huge numbers does not overflow
        return math.fsum(one / most for one in there) / len(there) * most
