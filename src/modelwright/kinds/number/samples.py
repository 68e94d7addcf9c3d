"""Numbers to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples


class NumberSamples(Samples[float]):
    """Small, large and odd numbers."""

    def strict(self) -> Sequence[tuple[object, float]]:
        """Return JSON numbers."""
        return [(1, 1.0), (-2.5, -2.5), (0, 0.0), (1e300, 1e300), (5e-324, 5e-324), (2**53, float(2**53))]

    def lenient(self) -> Sequence[tuple[object, float | None]]:
        """Return numbers as tables hold them."""
        return [("3", 3.0), (" 1e3 ", 1000.0), ("-.5", -0.5), ("+7.", 7.0), ("1E-2", 0.01), ("", None)]

    def refused(self) -> Sequence[object]:
        """Return what is no finite number."""
        texts = ("abc", "nan", "inf", "1_000", "1,5", "0x10", "٣", "1e999", "1 2", "e5", ".")
        return [*texts, True, math.nan, math.inf, -math.inf, 10**400, [1], {"a": 1}]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["3", "", " "]

    def values(self) -> Sequence[float | None]:
        """Return numbers of different sizes, some missing."""
        return [*(float(step**3) for step in range(-15, 16)), None, 0.5, None]

    def column(self) -> Sequence[object]:
        """Return texts of numbers with a missing one and one stray word in fifty."""
        return [*(str(step / 4) for step in range(50)), "", "n/a"]
