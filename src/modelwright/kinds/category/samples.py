"""Names of classes to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples


class CategorySamples(Samples[str]):
    """Names in several scripts, and codes."""

    def strict(self) -> Sequence[tuple[object, str]]:
        """Return names."""
        names = [("life-insurance", "life-insurance"), ("汽车保险", "汽车保险"), ("Cafe\u0301", "Caf\u00e9")]
        codes = [("1", "1"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (True, "true")]
        return [*names, *codes, (" new\u3000 york ", "new york"), ("x" * 1_000, "x" * 1_000)]

    def lenient(self) -> Sequence[tuple[object, str | None]]:
        """Return codes of typed tables."""
        codes = [(1, "1"), (1.0, "1"), (-0.0, "0"), (1.5, "1.5"), (True, "true"), (1e300, "1e+300")]
        return [*codes, (2**70, str(2**70)), ("", None), (" \n", None)]

    def refused(self) -> Sequence[object]:
        """Return what names nothing."""
        return [["a"], {"a": 1}, "x" * 1_001, "\udfff", math.nan, math.inf, 10**400, b"a"]

    def values(self) -> Sequence[str | None]:
        """Return a few names many times, some missing."""
        return ["life-insurance", "汽车保险", None, "new york", "life-insurance"] * 6

    def column(self) -> Sequence[object]:
        """Return names that repeat."""
        return ["red", "green", "", "blue"] * 6
