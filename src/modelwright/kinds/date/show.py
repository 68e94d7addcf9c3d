"""Dates for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show, Widget


class DateShow(Show[str]):
    """The ISO text with a space for the T, and no seconds where they are zero."""

    widget: ClassVar[Widget] = "moment"

    def text(self, value: str | None) -> str:
        """Return `2024-03-01`, `2024-03-01 10:20`, `2024-03-01 10:20:30.500000+02:00`."""
        day, _, time = str(value or "").partition("T")
        clock = time[:5] + time[8:] if time[5:8] == ":00" and time[8:9] != "." else time
        return f"{day} {clock}".strip()

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the median."""
        quantiles = profile.get("quantiles")
        return quantiles.get("0.5", "2024-03-01") if isinstance(quantiles, dict) else "2024-03-01"
