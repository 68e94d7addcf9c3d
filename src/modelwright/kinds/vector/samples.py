"""Vectors to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.vector.value import Vector


class VectorSamples(Samples[Vector]):
    """Vectors of three numbers."""

    def strict(self) -> Sequence[tuple[object, Vector]]:
        """Return lists of numbers."""
        return [
            ([1, 2.5, -3], (1.0, 2.5, -3.0)),
            ([0.0, -0.0, 5e-324], (0.0, 0.0, 5e-324)),
            ([1e300, -1e300, 1], (1e300, -1e300, 1.0)),
        ]

    def lenient(self) -> Sequence[tuple[object, Vector | None]]:
        """Return cells of tables."""
        return [
            ("[1, 2.5, 3e2]", (1.0, 2.5, 300.0)),
            (" 1; 2.5 ;3", (1.0, 2.5, 3.0)),
            ("1,2,3", (1.0, 2.0, 3.0)),
            ("1 2\t3", (1.0, 2.0, 3.0)),
            ((1, 2, 3), (1.0, 2.0, 3.0)),
            ("", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what is no list of finite numbers."""
        odd: list[object] = [3, True, "3", "a b", "[1, x]", "[", "1;;2", "1,5;2,5;x", {"a": 1}, b"12"]
        lists: list[object] = [[], [None, 1], ["1", "2"], [True, 1], [[1, 2]], [1, math.nan], [10**400, 1]]
        return [*odd, *lists, "[1, NaN]", "[1, null]", [0.0] * 65_537]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["[1, 2]", "1;2"]

    def values(self) -> Sequence[Vector | None]:
        """Return vectors on a curve, some missing."""
        curve = [(math.cos(step), 3.0 + math.sin(step), 0.1 * step) for step in range(30)]
        return [*curve, None, (1.0, 1.0, 1.0), None]

    def column(self) -> Sequence[object]:
        """Return lists of one length."""
        return [[float(step), 1.0, 2.0] for step in range(20)]
