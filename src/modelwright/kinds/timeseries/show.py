"""Series for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json
from modelwright.core.picture import Picture
from modelwright.kinds.contract.show import Show, Widget
from modelwright.kinds.timeseries import _curve
from modelwright.kinds.timeseries.window import TimeWindow

MOST_SHOWN = 1_000  # steps of an example
SHOWN = 8  # numbers; of a longer series the first and the last


class TimeseriesShow(Show[TimeWindow]):
    """The first and the last numbers, of four digits; and the curve."""

    widget: ClassVar[Widget] = "json"

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return a series as long as the longest that stays at the median; None of several channels."""
        quantiles, longest = profile.get("quantiles"), profile.get("longest")
        median = quantiles.get("0.5") if isinstance(quantiles, dict) else None
        if (
            profile.get("channels") != 1
            or not isinstance(longest, int)
            or not isinstance(median, int | float)
        ):
            return None
        return [float(f"{median:.6g}")] * longest if longest <= MOST_SHOWN else None

    def text(self, value: TimeWindow | None) -> str:
        """Return `1, 2, –, 4`; of many numbers the first and the last, and how many there are."""
        if value is None:
            return ""
        written = ["–" if math.isnan(one) else f"{one:.4g}" for one in value.flat]
        if len(written) <= SHOWN:
            return ", ".join(written)
        half = SHOWN // 2
        return f"{', '.join(written[:half])} … {', '.join(written[-half:])} ({len(written)})"

    def picture(self, value: TimeWindow) -> Picture | None:
        """Return the series as a curve, a line a channel; see `_curve`."""
        return _curve.drawn(value)

    def end(self, value: str | float) -> str:
        """Return a number of the series: the quantiles are of all numbers."""
        return f"{value:.4g}" if isinstance(value, int | float) else value
