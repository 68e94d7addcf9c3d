"""Dates as numbers: where they lie in time, and where in the year, the week and the day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import FAR, Array, ArraySpec, Dumped, Form
from modelwright.kinds.date.value import moment
from modelwright.kinds.shared.sealed_state import Deviation, SealedState

# Month 1 to 12, weekday 0 (Monday) to 6, hour 0 to 23: mean and deviation of a uniform distribution over the n
# values of each, (first + last) / 2 and sqrt((n² − 1) / 12). So each has about the weight of a standardised
# number in a network, and needs nothing fitted; and each grows with the calendar, so that a tree can split it
# ("month ≥ 11"), which it could not do with a sine and a cosine.
CYCLES = tuple(
    ((first + last) / 2, math.sqrt(((last - first + 1) ** 2 - 1) / 12))
    for first, last in ((1, 12), (0, 6), (0, 23))
)
# Sine and cosine of the place in the year, the week and the day, times √2 so that their deviation is 1, too: for a
# line or a network, to which 31 December and 1 January would else be far apart.
_DAY_S: Final = 86_400.0
_WEEK_S: Final = 7 * _DAY_S
_YEAR_S: Final = 365.2425 * _DAY_S
_SIMPLE: Final = 4  # numbers of an earlier version's state: year, month, weekday, hour
_CYCLIC: Final = _SIMPLE + 7  # … the age, and three times sine and cosine
_CIRCLES: Final = tuple(
    (_SIMPLE + 1 + 2 * place, seconds) for place, seconds in enumerate((_YEAR_S, _WEEK_S, _DAY_S))
)


@dataclass(frozen=True)
class DateState:
    """Mean and standard deviation of the years in the training split; the deviation of a single year is 1.

    age: mean and deviation of the days since 1 January 1970, None of an earlier version, which had four numbers.
    """

    mean: float
    deviation: float
    age: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Return how many numbers a date becomes."""
        return _SIMPLE if self.age is None else _CYCLIC


class _SealedDate(SealedState):
    """Years of the calendar, and how far apart they are; days likewise."""

    mean: Annotated[float, Field(ge=0.0, le=9999.0)]
    deviation: Annotated[float, Field(ge=1e-9, le=9999.0)]
    age_mean: Annotated[float, Field(ge=-1e6, le=4e6)] | None = None
    age_deviation: Annotated[Deviation, Field(ge=1e-6, le=4e6)] | None = None


class DateArrays(Arrays[DateState, str]):
    """`values` float32 (batch, 11) and `missing` float32 (batch,).

    Year, month, weekday, hour; the age; sine and cosine of the place in the year, the week and the day. All are about 0
    with a deviation of 1; where `missing` is 1, they are 0. The age is the days since a day in the middle of training:
    against any other day it is the same but for a constant. The hour is that of the clock on the wall, in whatever zone
    it stands; a day without a time has hour 0.
    """

    input_form: ClassVar[Form | None] = Form.VECTOR

    def fit(self, values: Sequence[str | None], **options: Any) -> DateState:
        """Return mean and deviation of the years and days that are there; 0 and 1 when none is."""
        there = [moment(value) for value in values if value is not None]
        if not there:
            return DateState(0.0, 1.0, (0.0, 1.0))
        years = np.array([one.year for one in there], dtype=np.float64)
        days = np.array([_seconds(one) for one in there]) / _DAY_S
        age = float(days.mean()), float(days.std()) or 1.0
        return DateState(float(years.mean()), float(years.std()) or 1.0, age)

    def dump(self, state: DateState) -> Dumped:
        """Return the state as JSON."""
        age = {} if state.age is None else {"age_mean": state.age[0], "age_deviation": state.age[1]}
        return Dumped({"mean": state.mean, "deviation": state.deviation, **age}, {})

    def load(self, dumped: Dumped) -> DateState:
        """Read what `dump` returned, or an earlier version's."""
        sealed = _SealedDate.read(dumped.data)
        both = sealed.age_mean, sealed.age_deviation
        if both[0] is None or both[1] is None:
            return DateState(sealed.mean, sealed.deviation)
        return DateState(sealed.mean, sealed.deviation, (both[0], both[1]))

    def example(self, state: DateState) -> str:
        """Return a day of the mean year."""
        return f"{max(1, round(state.mean)):04d}-01-01"

    def specs(self, state: DateState) -> dict[str, ArraySpec]:
        """Return `values`: float32 (batch, 11), of an earlier version 4, and `missing`: float32 (batch,)."""
        return {
            "values": ArraySpec(
                "float32", ("batch", state.size), circles=() if state.age is None else _CIRCLES
            ),
            "missing": ArraySpec("float32", ("batch",)),
        }

    def encode(self, values: Sequence[str | None], state: DateState) -> dict[str, Array]:
        """Return the numbers of each value, and which are missing."""
        parts = np.full((len(values), state.size), math.nan)
        for row, value in enumerate(values):
            if value is not None:
                at = moment(value)
                parts[row, :_SIMPLE] = at.year, at.month, at.weekday(), at.hour
                if state.age is not None:
                    parts[row, _SIMPLE:] = (_seconds(at) / _DAY_S, *_circles(at))
        means, deviations = np.array([(state.mean, state.deviation), *CYCLES]).T  # each (4,)
        parts[:, :_SIMPLE] = (parts[:, :_SIMPLE] - means) / deviations
        if state.age is not None:
            parts[:, _SIMPLE] = np.clip((parts[:, _SIMPLE] - state.age[0]) / state.age[1], -FAR, FAR)
        missing: NDArray[np.bool_] = np.isnan(parts[:, 0])
        return {
            "values": np.where(missing[:, None], 0.0, parts).astype(np.float32),
            "missing": missing.astype(np.float32),
        }


def _seconds(at: datetime) -> float:
    """Return the seconds since 1 January 1970 by the clock on the wall."""
    return (at.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()


def _circles(at: datetime) -> tuple[float, ...]:
    """Return √2 times sine and cosine of the place in the year, the week and the day, by the clock on the wall."""
    naive = at.replace(tzinfo=None)
    of_day = (naive - naive.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    of_year = (naive - datetime(at.year, 1, 1)).total_seconds()
    shares = of_year / _YEAR_S, (at.weekday() * _DAY_S + of_day) / _WEEK_S, of_day / _DAY_S
    return tuple(math.sqrt(2) * of(2 * math.pi * share) for share in shares for of in (math.sin, math.cos))
