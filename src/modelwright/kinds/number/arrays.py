"""Numbers as standardised float32 or as they are, and back.

As an input, the form `scalar` is standardised by the middle of the values and not by their mean: one fill value of 1e37
would make all others one number. The form `amount` is the number itself in float64, for learners that only compare.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import FAR, Answer, Array, ArraySpec, Dumped, Form, Role
from modelwright.kinds.shared import middle
from modelwright.kinds.shared.sealed_state import Deviation, SealedState
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

# A deviation below this share of the largest value is rounding of a constant column, not variation.
CONSTANT = 1e-12
# Farther beyond the least or the largest number of training than this share of their distance, a number is far outside.
# Of as many new rows as were learned from, about one in each column lies beyond them at all.
BEYOND = 0.5
ROUNDING = 1e-6  # of a range: less beyond it is no answer beyond it
# Standardised truths are held within this many deviations, so that float32 arithmetic stays finite.
MOST_DEVIATIONS = 1e6


Ends = tuple[float, float]


@dataclass(frozen=True)
class NumberState:
    """Mean and standard deviation of the training split, float64; the deviation of a constant column is 1.

    Of an input they are those of its middle: the median, and the deviation of a normal distribution with the same
    quantiles. limit: standardised values are held within ± limit.
    range: within which an output answers, where the signature declares it; what a body answers beyond is its end.
    span: the least and the largest number of training, of an input; None where there was none, and in earlier versions.
    """

    mean: float
    deviation: float
    range: Ends | None = None
    limit: float = MOST_DEVIATIONS
    span: Ends | None = None


@dataclass(frozen=True)
class AmountState:
    """The median, and whether training has missing numbers: then they are NaN, and else the median stands for them.

    span: the least and the largest number of training.
    """

    median: float
    gaps: bool
    span: Ends | None = None


def _in_order(ends: list[float]) -> list[float]:
    if not ends[0] < ends[1]:
        raise ValueError("a range has a least and a larger largest value")
    return ends


def _least_first(ends: list[float]) -> list[float]:
    if ends[0] > ends[1]:
        raise ValueError("the least number of training stands before the largest")
    return ends


_Span = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_least_first)]


class _SealedNumber(SealedState):
    """Any finite mean; a deviation to divide by; a range whose ends are finite and in order.

    An earlier version's inputs had the limit of truths.
    """

    mean: float
    deviation: Deviation
    range: Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_in_order)] | None = None
    limit: Annotated[float, Field(ge=1.0, le=MOST_DEVIATIONS)] = MOST_DEVIATIONS
    span: _Span | None = None


class _SealedAmount(SealedState):
    """Any finite median."""

    form: Literal["amount"]
    median: float
    gaps: bool
    span: _Span | None = None


class NumberArrays(Arrays[NumberState | AmountState, float]):
    """In: `value` and `missing` float32 (batch,), or `amount` float64 (batch,). Out: `value` float32 (batch,).

    But for `amount`, arrays hold standardised values; where `missing` is 1, `value` is 0.
    """

    input_form: ClassVar[Form | None] = Form.SCALAR
    further_forms: ClassVar[tuple[Form, ...]] = (Form.AMOUNT,)
    output_form: ClassVar[Form | None] = Form.SCALAR

    def fit(
        self,
        values: Sequence[float | None],
        *,
        role: Role = Role.INPUT,
        form: Form | None = None,
        **options: Any,
    ) -> NumberState | AmountState:
        """Return mean and deviation of the values that are there, of an input those of the middle; 0 and 1 of none.

        `range`: that of an output; `gaps`: of amounts, whether a missing one is NaN even if training has none.
        """
        within = options.get("range")
        present = np.array([value for value in values if value is not None], dtype=np.float64)
        if form is Form.AMOUNT:
            typical = middle.median(present) if present.size else 0.0
            gaps = bool(options.get("gaps")) or present.size < len(values)
            return AmountState(typical, gaps, _span(present))
        limit = FAR if role is Role.INPUT else MOST_DEVIATIONS
        span = _span(present) if role is Role.INPUT else None
        if not present.size:
            return NumberState(0.0, 1.0, within, limit)
        if role is Role.INPUT and (apart := middle.deviation(present)) is not None:
            return NumberState(middle.median(present), apart, within, limit, span)
        scale = float(np.abs(present).max()) or 1.0  # so that the squares of huge values do not overflow
        shares = present / scale
        mean, deviation = float(shares.mean()), float(shares.std())
        varies = (
            deviation > CONSTANT and deviation * scale >= sys.float_info.min
        )  # below it, division overflows
        return NumberState(mean * scale, deviation * scale if varies else 1.0, within, limit, span)

    def dump(self, state: NumberState | AmountState) -> Dumped:
        """Return the state as JSON."""
        span = {} if state.span is None else {"span": list(state.span)}
        if isinstance(state, AmountState):
            return Dumped({"form": Form.AMOUNT.value, "median": state.median, "gaps": state.gaps, **span}, {})
        within = {} if state.range is None else {"range": list(state.range)}
        held = {} if state.limit == MOST_DEVIATIONS else {"limit": state.limit}
        return Dumped({"mean": state.mean, "deviation": state.deviation, **within, **held, **span}, {})

    def load(self, dumped: Dumped) -> NumberState | AmountState:
        """Read what `dump` returned."""
        if dumped.data.get("form") is not None:
            amount = _SealedAmount.read(dumped.data)
            return AmountState(amount.median, amount.gaps, _ends(amount.span))
        sealed = _SealedNumber.read(dumped.data)
        return NumberState(
            sealed.mean, sealed.deviation, _ends(sealed.range), sealed.limit, _ends(sealed.span)
        )

    def example(self, state: NumberState | AmountState) -> float:
        """Return the mean, or the median."""
        return state.median if isinstance(state, AmountState) else state.mean

    def specs(self, state: NumberState | AmountState) -> dict[str, ArraySpec]:
        """Return `value` (standardised, 0 where missing) and `missing` (0 or 1): float32 (batch,); or `amount`."""
        if isinstance(state, AmountState):
            return {"amount": ArraySpec("float64", ("batch",))}
        spec = ArraySpec("float32", ("batch",))
        return {"value": spec, "missing": spec}

    def encode(self, values: Sequence[float | None], state: NumberState | AmountState) -> dict[str, Array]:
        """Return standardised values and which are missing; or the numbers, NaN where they are missing."""
        if isinstance(state, AmountState):
            amount = _array(values)
            return {"amount": amount if state.gaps else np.where(np.isnan(amount), state.median, amount)}
        standard = _standardise(values, state)
        missing = np.isnan(standard)
        return {
            "value": np.where(missing, 0.0, standard).astype(np.float32),
            "missing": missing.astype(np.float32),
        }

    def standing_out(self, values: Sequence[float | None]) -> list[tuple[str, int]]:
        """Return the least and the most of the values where they look like fill values, and how often each is there."""
        present = np.array([value for value in values if value is not None], dtype=np.float64)
        return [(middle.written(value), count) for value, count in middle.fill_values(present)]

    def unseen(self, values: Sequence[float | None], state: NumberState | AmountState) -> list[bool]:
        """Return which values lie far outside of what training showed."""
        if state.span is None:
            return [False] * len(values)
        least, largest = state.span
        # halves, since the distance of two huge numbers may be infinite; of a constant column, rounding is no distance
        beyond = max(BEYOND * 2 * (largest / 2 - least / 2), CONSTANT * max(abs(least), abs(largest)))
        low, high = least - beyond, largest + beyond
        return [value is not None and not low <= value <= high for value in values]

    def span(self, state: NumberState | AmountState) -> Ends | None:
        """Return the least and the largest number of training."""
        return state.span

    def answers(self, state: NumberState | AmountState) -> dict[str, ArraySpec]:
        """Return `value`: float32 (batch,), standardised."""
        return {"value": ArraySpec("float32", ("batch",))}

    def zero(self, state: NumberState | AmountState) -> float:
        """Return the standardised 0."""
        assert isinstance(state, NumberState), "an output is standardised"
        return -state.mean / state.deviation

    def encode_truth(
        self, values: Sequence[float | None], inputs: Columns, state: NumberState | AmountState
    ) -> dict[str, Array]:
        """Return `value`: standardised, float32 (n,); NaN for a missing truth."""
        return {"value": _standardise(values, state).astype(np.float32)}

    def decode(
        self, arrays: Mapping[str, Array], state: NumberState | AmountState, inputs: Columns
    ) -> list[Answer]:
        """Return each value in the output's own unit; a number has no confidence."""
        return [Answer(value) for value in _restore(arrays, state).tolist()]

    def outcomes(
        self,
        values: Sequence[float | None],
        arrays: Mapping[str, Array],
        state: NumberState | AmountState,
        inputs: Columns,
    ) -> NumberOutcomes:
        """Return truths (NaN: missing) and answers, in the output's own unit."""
        assert isinstance(state, NumberState), "an output is standardised"
        return NumberOutcomes(
            _array(values), _restore(arrays, state), state.range, beyond=_beyond(arrays, state)
        )


def _array(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _standardise(values: Sequence[float | None], state: NumberState | AmountState) -> NDArray[np.float64]:
    assert isinstance(state, NumberState), "what is no amount is standardised"
    with np.errstate(over="ignore"):  # the difference of two huge values may be infinite, and is held below
        standard: NDArray[np.float64] = (_array(values) - state.mean) / state.deviation
    return np.clip(standard, -state.limit, state.limit)


def _span(present: NDArray[np.float64]) -> Ends | None:
    return (float(present.min()), float(present.max())) if present.size else None


def _ends(sealed: list[float] | None) -> Ends | None:
    return None if sealed is None else (sealed[0], sealed[1])


def _beyond(arrays: Mapping[str, Array], state: NumberState) -> NDArray[np.bool_] | None:
    """Return which answers (n,) of a body lie beyond the declared range, None without one."""
    if state.range is None:
        return None
    low, high = state.range
    restored = _unbounded(arrays, state)
    rounding = ROUNDING * (high - low)  # an answer at the end itself, as float32 has it
    found: NDArray[np.bool_] = (restored < low - rounding) | (restored > high + rounding)
    return found


def _restore(arrays: Mapping[str, Array], state: NumberState | AmountState) -> NDArray[np.float64]:
    low, high = (None if isinstance(state, AmountState) else state.range) or (
        -sys.float_info.max,
        sys.float_info.max,
    )
    return np.clip(_unbounded(arrays, state), low, high)


def _unbounded(arrays: Mapping[str, Array], state: NumberState | AmountState) -> NDArray[np.float64]:
    """Return what a body answered, in the output's own unit, wherever it lies."""
    assert isinstance(state, NumberState), "an output is standardised"
    answered = arrays["value"].astype(np.float64)
    if not np.isfinite(answered).all():
        raise FloatingPointError("the body answered values that are not finite numbers")
    with np.errstate(over="ignore"):  # at the ends of float64 an answer is the last number there is
        restored: NDArray[np.float64] = answered * state.deviation + state.mean
    return restored
