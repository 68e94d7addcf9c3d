"""Sets of tags for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show, Widget


class TagsShow(Show[frozenset[str]]):
    """The tags with commas between them; the empty set as ∅, so that it is not taken for a missing value."""

    widget: ClassVar[Widget] = "set"

    def text(self, value: frozenset[str] | None) -> str:
        """Return the tags, sorted."""
        if value is None:
            return ""
        return ", ".join(sorted(value)) or "∅"

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the most frequent tag alone."""
        tags = profile.get("tags")
        first = next(iter(tags), None) if isinstance(tags, dict) else None
        return None if first is None else [first]
