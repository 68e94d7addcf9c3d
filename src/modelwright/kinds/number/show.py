"""Numbers for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.kinds.contract.show import Show, Widget

WHOLE = 1e15  # whole numbers up to here are shown without an exponent


class NumberShow(Show[float]):
    """Six digits, and no `.0` behind a whole number."""

    widget: ClassVar[Widget] = "number"

    def text(self, value: float | None) -> str:
        """Return `3`, `0.25`, `1.23457e+20`."""
        if value is None:
            return ""
        return f"{value:.0f}" if float(value).is_integer() and abs(value) < WHOLE else f"{value:.6g}"

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return the median, of six digits as it is shown."""
        quantiles = profile.get("quantiles")
        median = quantiles.get("0.5") if isinstance(quantiles, dict) else None
        return float(f"{median:.6g}") if isinstance(median, int | float) else None
