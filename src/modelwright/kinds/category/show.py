"""Categories for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show, Widget


class CategoryShow(Show[str]):
    """The name as it is."""

    widget: ClassVar[Widget] = "choice"

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the most frequent class."""
        classes = profile.get("classes")
        return next(iter(classes), None) if isinstance(classes, dict) else None
