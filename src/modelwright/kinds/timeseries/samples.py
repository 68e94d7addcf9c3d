"""Series to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.timeseries.window import GAP, TimeWindow


class TimeseriesSamples(Samples[TimeWindow]):
    """Short series with and without gaps; as an output all have one channel."""

    def strict(self) -> Sequence[tuple[object, TimeWindow]]:
        """Return lists of numbers."""
        return [
            ([1, 2.5, -3, 4], TimeWindow.of([1.0, 2.5, -3.0, 4.0])),
            ([1, None, 3, -0.0], TimeWindow.of([1.0, GAP, 3.0, 0.0])),
            ([[1], None, [3], [0]], TimeWindow.of([1.0, GAP, 3.0, 0.0])),
            ([1e300, -1e300, 5e-324], TimeWindow.of([1e300, -1e300, 5e-324])),
        ]

    def lenient(self) -> Sequence[tuple[object, TimeWindow | None]]:
        """Return cells of tables."""
        return [
            ("[1, null, 3]", TimeWindow.of([1.0, GAP, 3.0])),
            ("1; 2.5; ;4", TimeWindow.of([1.0, 2.5, GAP, 4.0])),
            ("1 2 NA", TimeWindow.of([1.0, 2.0, GAP])),
            ([math.nan, 2], TimeWindow.of([GAP, 2.0])),
            ([[1, 2], [3, None]], TimeWindow.of([1.0, 2.0, 3.0, GAP], 2)),
            ([None, None], None),
            ("", None),
            (" \n", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what is no series of numbers."""
        odd: list[object] = [3, True, "3", "a b", "[1, x]", "[", {"a": 1}, [], [[]], ["1"], [True], b"12"]
        return [*odd, [1, math.inf], [10**400], [[1, 2], [3]], [[1], 2], [[[1]]], [0.0] * 100_001]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["[1, 2]", "1;2", [math.nan, 1]]

    def values(self) -> Sequence[TimeWindow | None]:
        """Return waves of four steps on different levels, some missing."""
        waves = [
            TimeWindow.of([level * (2 + math.sin(step + level)) for step in range(4)])
            for level in (1.0, 3.0, 10.0, 30.0, 100.0)
        ]
        return [*waves * 5, None, waves[0], None]
