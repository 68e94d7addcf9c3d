"""The stretches of a series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from modelwright.kinds.contract.explain import Explain, ValuePart
from modelwright.kinds.timeseries.window import GAP, TimeWindow

MOST_PARTS = 24


class TimeseriesExplain(Explain[TimeWindow]):
    """Stretches of steps, of all channels; without one there is a gap."""

    def parts(self, value: TimeWindow) -> Sequence[ValuePart]:
        """Return at most MOST_PARTS stretches of equally many steps; the last may be shorter."""
        each = -(-value.steps // MOST_PARTS)
        return [
            ValuePart(f"{start + 1}–{end}", {"start": start, "end": end})
            for start in range(0, value.steps, each)
            if (end := min(start + each, value.steps))
        ]

    def without_each(
        self, value: TimeWindow, parts: Sequence[ValuePart], state: Any
    ) -> Iterator[TimeWindow | None]:
        """Yield the series, and it with a gap in place of each stretch."""
        yield value
        for part in parts:
            start, end = part.place["start"], part.place["end"]
            assert isinstance(start, int)
            assert isinstance(end, int)
            numbers = value.flat[:]
            numbers[start * value.channels : end * value.channels] = [GAP] * ((end - start) * value.channels)
            there = any(not math.isnan(one) for one in numbers)
            yield TimeWindow.of(numbers, value.channels) if there else None
