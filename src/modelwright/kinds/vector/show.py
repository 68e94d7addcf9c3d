"""Vectors for people."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show
from modelwright.kinds.vector.value import Vector

SHOWN = 6  # numbers; of a longer vector the first


class VectorShow(Show[Vector]):
    """The first numbers, of four digits."""

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the median of each dimension; None where there are many."""
        return profile.get("middle")

    def text(self, value: Vector | None) -> str:
        """Return `1, 2.5, -3`; of many numbers the first, and how many there are."""
        if value is None:
            return ""
        written = ", ".join(f"{one:.4g}" for one in value[:SHOWN])
        return written if len(value) <= SHOWN else f"{written} … ({len(value)})"
