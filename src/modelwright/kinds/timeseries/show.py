"""Series for people."""

from __future__ import annotations

import math
from typing import ClassVar

from modelwright.kinds.contract.show import Show, Widget
from modelwright.kinds.timeseries.window import TimeWindow

SHOWN = 8  # numbers; of a longer series the first and the last


class TimeseriesShow(Show[TimeWindow]):
    """The first and the last numbers, of four digits."""

    widget: ClassVar[Widget] = "json"

    def text(self, value: TimeWindow | None) -> str:
        """Return `1, 2, –, 4`; of many numbers the first and the last, and how many there are."""
        if value is None:
            return ""
        written = ["–" if math.isnan(one) else f"{one:.4g}" for one in value.flat]
        if len(written) <= SHOWN:
            return ", ".join(written)
        half = SHOWN // 2
        return f"{', '.join(written[:half])} … {', '.join(written[-half:])} ({len(written)})"
