"""Truth values for people."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show


class BooleanShow(Show[bool]):
    """`true` and `false`, as in JSON."""

    def text(self, value: bool | None) -> str:  # noqa: FBT001 - the contract's
        """Return `true` or `false`."""
        return "" if value is None else str(value).lower()

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return false."""
        return False
