"""Truth values to try the kind with."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples


class BooleanSamples(Samples[bool]):
    """True, false, and how tables write them."""

    def strict(self) -> Sequence[tuple[object, bool]]:
        """Return JSON's two."""
        return [(True, True), (False, False)]

    def lenient(self) -> Sequence[tuple[object, bool | None]]:
        """Return words and digits."""
        true = [("yes", True), ("TRUE", True), ("1", True), ("y", True), ("t", True), (1, True), (1.0, True)]
        false = [("No", False), (" false ", False), ("0", False), ("N", False), ("f", False), (0, False)]
        return [*true, *false, ("", None)]

    def refused(self) -> Sequence[object]:
        """Return what is neither."""
        return ["maybe", "2", 2, -1, 0.5, float("nan"), "ja", [True], {"a": True}, 10**400]

    def refused_strictly(self) -> Sequence[object]:
        """Return words and digits."""
        return ["true", "yes", "", 1, 0, 1.0]

    def values(self) -> Sequence[bool | None]:
        """Return both, and missing ones."""
        return [True, False, None, True, False, False] * 5

    def column(self) -> Sequence[object]:
        """Return words, some missing."""
        return ["yes", "No", "", "yes"] * 5
