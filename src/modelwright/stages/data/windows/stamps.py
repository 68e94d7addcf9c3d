"""When rows arose: their stamps as places on a regular grid, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

DAY_S = 86_400.0
# Steps of the calendar, by the days that they may have: months and years are not equally long.
_CALENDAR = ((28.0, 31.0, 1), (89.0, 92.0, 3), (365.0, 366.0, 12))
_LATE = 0.01  # of a step: a stamp that far from the grid is irregular
_COMMON = 0.5  # share of the distances that are one step, below which the median is taken for the step


@dataclass(frozen=True)
class Stamps:
    """The stamps of rows (n,): seconds since 1970 or plain numbers; `clock`: of days, in local or world time."""

    times: Floats
    clock: bool


@dataclass(frozen=True)
class StepGrid:
    """The step between rows: seconds (or plain numbers), or months of the calendar."""

    size: float
    unit: Literal["seconds", "numbers", "months"]

    def places(self, times: Floats) -> tuple[Places, int]:
        """Return the place (n,) of each stamp on the grid that begins with the first, and how many are off it."""
        if self.unit == "months":
            months = pl.Series(times * 1e6).cast(pl.Int64).cast(pl.Datetime("us"))
            number = (months.dt.year().cast(pl.Int64) * 12 + months.dt.month() - 1).to_numpy() // int(
                self.size
            )
            return number - number.min(initial=number[0]), 0
        exact = (times - times.min()) / self.size
        found = np.rint(exact)
        return found.astype(np.int64), int((np.abs(exact - found) > _LATE).sum())


def as_stamps(order: pl.Series) -> Stamps:
    """Return the stamps of comparable times (n,): ISO texts of one clock, or numbers."""
    if order.dtype != pl.String:
        return Stamps(order.cast(pl.Float64).to_numpy(), clock=False)
    distinct = order.unique()
    seconds = {text: _seconds(text) for text in distinct.to_list()}
    return Stamps(np.array([seconds[text] for text in order.to_list()], dtype=np.float64), clock=True)


def _seconds(text: str) -> float:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def grid_of(stamps: Stamps, groups: NDArray[np.int64]) -> StepGrid | None:
    """Return the step of rows in order of group and time; None where no two stamps of a group differ."""
    gaps = np.diff(stamps.times)[np.diff(groups) == 0]
    gaps = gaps[gaps > 0]
    if not gaps.size:
        return None
    sizes, counts = np.unique(gaps, return_counts=True)
    step = float(sizes[counts.argmax()])
    if counts.max() < _COMMON * gaps.size:
        step = float(np.quantile(gaps, 0.5, method="lower"))
    if stamps.clock:
        for least, most, months in _CALENDAR:
            if least * DAY_S <= step <= most * DAY_S:
                return StepGrid(months, "months")
    return StepGrid(step, "seconds" if stamps.clock else "numbers")


def are_daylight(times: Floats) -> bool:
    """Tell whether stamps (n,) look like the hour that a clock shows twice in autumn: of a Sunday night."""
    for one in times[:50].tolist():
        local = datetime.fromtimestamp(one, UTC)
        if local.hour > 3 or local.month not in {3, 4, 9, 10, 11} or local.weekday() != 6:
            return False
    return bool(times.size)
