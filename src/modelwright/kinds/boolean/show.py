"""Truth values for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show, Widget


class BooleanShow(Show[bool]):
    """`true` and `false`, as in JSON."""

    widget: ClassVar[Widget] = "switch"

    def text(self, value: bool | None) -> str:  # noqa: FBT001 - the contract's
        """Return `true` or `false`."""
        return "" if value is None else str(value).lower()

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the more frequent one."""
        classes = profile.get("classes")
        return next((name == "true" for name in classes), None) if isinstance(classes, dict) else None
