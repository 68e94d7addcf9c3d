"""Dates as four numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import Array, ArraySpec, Dumped, Form
from modelwright.kinds.date.value import moment
from modelwright.kinds.shared.sealed_state import SealedState

# Month 1 to 12, weekday 0 (Monday) to 6, hour 0 to 23: mean and deviation of a uniform distribution over the n
# values of each, (first + last) / 2 and sqrt((n² − 1) / 12). So each has about the weight of a standardised
# number in a network, and needs nothing fitted; and each grows with the calendar, so that a tree can split it
# ("month ≥ 11"), which it could not do with a sine and a cosine.
CYCLES = tuple(
    ((first + last) / 2, math.sqrt(((last - first + 1) ** 2 - 1) / 12))
    for first, last in ((1, 12), (0, 6), (0, 23))
)


@dataclass(frozen=True)
class DateState:
    """Mean and standard deviation of the years in the training split; the deviation of a single year is 1."""

    mean: float
    deviation: float


class _SealedDate(SealedState):
    """Years of the calendar, and how far apart they are."""

    mean: Annotated[float, Field(ge=0.0, le=9999.0)]
    deviation: Annotated[float, Field(ge=1e-9, le=9999.0)]


class DateArrays(Arrays[DateState, str]):
    """`values` float32 (batch, 4): year, month, weekday, hour; `missing` float32 (batch,).

    All are about 0 with a deviation of 1; where `missing` is 1, they are 0. The hour is that of the clock on the
    wall, in whatever zone it stands; a day without a time has hour 0.
    """

    input_form: ClassVar[Form | None] = Form.VECTOR

    def fit(self, values: Sequence[str | None], **options: Any) -> DateState:
        """Return mean and deviation of the years that are there; 0 and 1 when none is."""
        years = np.array([moment(value).year for value in values if value is not None], dtype=np.float64)
        if not years.size:
            return DateState(0.0, 1.0)
        return DateState(float(years.mean()), float(years.std()) or 1.0)

    def dump(self, state: DateState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({"mean": state.mean, "deviation": state.deviation}, {})

    def load(self, dumped: Dumped) -> DateState:
        """Read what `dump` returned."""
        sealed = _SealedDate.read(dumped.data)
        return DateState(sealed.mean, sealed.deviation)

    def example(self, state: DateState) -> str:
        """Return a day of the mean year."""
        return f"{max(1, round(state.mean)):04d}-01-01"

    def specs(self, state: DateState) -> dict[str, ArraySpec]:
        """Return `values`: float32 (batch, 4), and `missing`: float32 (batch,)."""
        return {"values": ArraySpec("float32", ("batch", 4)), "missing": ArraySpec("float32", ("batch",))}

    def encode(self, values: Sequence[str | None], state: DateState) -> dict[str, Array]:
        """Return year, month, weekday and hour of each value, and which are missing."""
        parts = np.full((len(values), 4), math.nan)
        for row, value in enumerate(values):
            if value is not None:
                at = moment(value)
                parts[row] = at.year, at.month, at.weekday(), at.hour
        means, deviations = np.array([(state.mean, state.deviation), *CYCLES]).T  # each (4,)
        standard: NDArray[np.float64] = (parts - means) / deviations
        missing = np.isnan(standard[:, 0])
        return {
            "values": np.where(missing[:, None], 0.0, standard).astype(np.float32),
            "missing": missing.astype(np.float32),
        }
