"""Numbers as standardised float32, and back."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form
from modelwright.kinds.shared.sealed_state import Deviation, SealedState
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

# A deviation below this share of the largest value is rounding of a constant column, not variation.
CONSTANT = 1e-12
# Standardised values are held within this many deviations, so that float32 arithmetic stays finite.
MOST_DEVIATIONS = 1e6


@dataclass(frozen=True)
class NumberState:
    """Mean and standard deviation of the training split, float64; the deviation of a constant column is 1.

    range: within which an output answers, where the signature declares it; what a body answers beyond is its end.
    """

    mean: float
    deviation: float
    range: tuple[float, float] | None = None


def _in_order(ends: list[float]) -> list[float]:
    if not ends[0] < ends[1]:
        raise ValueError("a range has a least and a larger largest value")
    return ends


class _SealedNumber(SealedState):
    """Any finite mean; a deviation to divide by; a range whose ends are finite and in order."""

    mean: float
    deviation: Deviation
    range: Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_in_order)] | None = None


class NumberArrays(Arrays[NumberState, float]):
    """In: `value` and `missing` float32 (batch,). Out: `value` float32 (batch,).

    Arrays hold standardised values; where `missing` is 1, `value` is 0, the mean.
    """

    input_form: ClassVar[Form | None] = Form.SCALAR
    output_form: ClassVar[Form | None] = Form.SCALAR

    def fit(self, values: Sequence[float | None], **options: Any) -> NumberState:
        """Return mean and deviation of the values that are there; 0 and 1 when none is. `range`: that of an output."""
        within = options.get("range")
        present = np.array([value for value in values if value is not None], dtype=np.float64)
        if not present.size:
            return NumberState(0.0, 1.0, within)
        scale = float(np.abs(present).max()) or 1.0  # so that the squares of huge values do not overflow
        shares = present / scale
        mean, deviation = float(shares.mean()), float(shares.std())
        varies = (
            deviation > CONSTANT and deviation * scale >= sys.float_info.min
        )  # below it, division overflows
        return NumberState(mean * scale, deviation * scale if varies else 1.0, within)

    def dump(self, state: NumberState) -> Dumped:
        """Return the state as JSON."""
        within = {} if state.range is None else {"range": list(state.range)}
        return Dumped({"mean": state.mean, "deviation": state.deviation, **within}, {})

    def load(self, dumped: Dumped) -> NumberState:
        """Read what `dump` returned."""
        sealed = _SealedNumber.read(dumped.data)
        within = None if sealed.range is None else (sealed.range[0], sealed.range[1])
        return NumberState(sealed.mean, sealed.deviation, within)

    def example(self, state: NumberState) -> float:
        """Return the mean."""
        return state.mean

    def specs(self, state: NumberState) -> dict[str, ArraySpec]:
        """Return `value` (standardised, 0 where missing) and `missing` (0 or 1): float32 (batch,)."""
        spec = ArraySpec("float32", ("batch",))
        return {"value": spec, "missing": spec}

    def encode(self, values: Sequence[float | None], state: NumberState) -> dict[str, Array]:
        """Return standardised values and which are missing."""
        standard = _standardise(values, state)
        missing = np.isnan(standard)
        return {
            "value": np.where(missing, 0.0, standard).astype(np.float32),
            "missing": missing.astype(np.float32),
        }

    def answers(self, state: NumberState) -> dict[str, ArraySpec]:
        """Return `value`: float32 (batch,), standardised."""
        return {"value": ArraySpec("float32", ("batch",))}

    def zero(self, state: NumberState) -> float:
        """Return the standardised 0."""
        return -state.mean / state.deviation

    def encode_truth(
        self, values: Sequence[float | None], inputs: Columns, state: NumberState
    ) -> dict[str, Array]:
        """Return `value`: standardised, float32 (n,); NaN for a missing truth."""
        return {"value": _standardise(values, state).astype(np.float32)}

    def decode(self, arrays: Mapping[str, Array], state: NumberState, inputs: Columns) -> list[Answer]:
        """Return each value in the output's own unit; a number has no confidence."""
        return [Answer(value) for value in _restore(arrays, state).tolist()]

    def outcomes(
        self, values: Sequence[float | None], arrays: Mapping[str, Array], state: NumberState, inputs: Columns
    ) -> NumberOutcomes:
        """Return truths (NaN: missing) and answers, in the output's own unit."""
        return NumberOutcomes(_array(values), _restore(arrays, state), state.range)


def _array(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _standardise(values: Sequence[float | None], state: NumberState) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # the difference of two huge values may be infinite, and is held below
        standard: NDArray[np.float64] = (_array(values) - state.mean) / state.deviation
    return np.clip(standard, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _restore(arrays: Mapping[str, Array], state: NumberState) -> NDArray[np.float64]:
    answered = arrays["value"].astype(np.float64)
    if not np.isfinite(answered).all():
        raise FloatingPointError("the body answered values that are not finite numbers")
    with np.errstate(over="ignore"):  # at the ends of float64 an answer is the last number there is
        restored: NDArray[np.float64] = answered * state.deviation + state.mean
    low, high = state.range or (-sys.float_info.max, sys.float_info.max)
    return np.clip(restored, low, high)
