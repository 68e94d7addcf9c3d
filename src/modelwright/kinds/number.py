"""A number, as an input or an output."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import NumberOutcomes
from modelwright.kinds._strings import shown
from modelwright.kinds.base import Answer, Array, ArraySpec, Dumped, Kind, Role, ValueProblem

# Narrower than float(): no "nan", no "infinity", no "1_000". A decimal comma is not guessed at: "1,234" may
# be a thousand or a fraction.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
# A deviation below this share of the largest value is rounding of a constant column, not variation.
CONSTANT = 1e-12
# Standardised values are held within this many deviations, so that float32 arithmetic stays finite.
MOST_DEVIATIONS = 1e6


@dataclass(frozen=True)
class NumberState:
    """Mean and standard deviation of the training split, float64; the deviation of a constant column is 1."""

    mean: float
    deviation: float


class Number(Kind[NumberState]):
    """A finite real number. In: `value` and `missing` float32 (batch,). Out: `value` float32 (batch,).

    Arrays hold standardised values; where `missing` is 1, `value` is 0, the mean.
    """

    name: ClassVar[str] = "number"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a number."""
        return {"type": "number"}

    def parse(self, raw: object, *, lenient: bool = False) -> float | None:
        """Return a finite float. Lenient reads "3" and " 1e3 " too; a truth value is never a number."""
        if raw is None:
            return None
        if lenient and isinstance(raw, str):
            text = raw.strip()
            if not text:
                return None
            if _NUMBER.fullmatch(text) is None:
                raise ValueProblem(f"must be a number; found {shown(raw)}")
            number = float(text)
        elif isinstance(raw, bool) or not isinstance(raw, int | float):
            raise ValueProblem(f"must be a number; found {shown(raw)}")
        else:
            try:
                number = float(raw)
            except OverflowError:
                number = math.inf
        if not math.isfinite(number):
            raise ValueProblem(f"must be a finite number; found {shown(raw)}")
        return number

    def fit(self, values: Sequence[Any], **options: Any) -> NumberState:
        """Return mean and deviation of the values that are there; 0 and 1 when none is."""
        assert not options, f"number knows no option {sorted(options)}"
        present = np.array([value for value in values if value is not None], dtype=np.float64)
        if not present.size:
            return NumberState(0.0, 1.0)
        scale = float(np.abs(present).max()) or 1.0  # so that the squares of huge values do not overflow
        shares = present / scale
        mean, deviation = float(shares.mean()), float(shares.std())
        varies = (
            deviation > CONSTANT and deviation * scale >= sys.float_info.min
        )  # below it, division overflows
        return NumberState(mean * scale, deviation * scale if varies else 1.0)

    def dump(self, state: NumberState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({"mean": state.mean, "deviation": state.deviation}, {})

    def load(self, dumped: Dumped) -> NumberState:
        """Read what `dump` returned."""
        return NumberState(float(dumped.data["mean"]), float(dumped.data["deviation"]))

    def arrays(self, state: NumberState) -> dict[str, ArraySpec]:
        """Return `value` (standardised, 0 where missing) and `missing` (0 or 1): float32 (batch,)."""
        spec = ArraySpec("float32", ("batch",))
        return {"value": spec, "missing": spec}

    def encode(self, values: Sequence[Any], state: NumberState) -> dict[str, Array]:
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

    def targets(self, values: Sequence[Any], state: NumberState) -> Array:
        """Return standardised values, float32 (n,); NaN for a missing truth."""
        return _standardise(values, state).astype(np.float32)

    def decode(self, arrays: Mapping[str, Array], state: NumberState) -> list[Answer]:
        """Return each value in the output's own unit; a number has no confidence."""
        return [Answer(value) for value in _restore(arrays, state).tolist()]

    def outcomes(
        self, values: Sequence[Any], arrays: Mapping[str, Array], state: NumberState
    ) -> NumberOutcomes:
        """Return truths (NaN: missing) and answers, in the output's own unit."""
        return NumberOutcomes(_array(values), _restore(arrays, state))


def _array(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _standardise(values: Sequence[Any], state: NumberState) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):  # the difference of two huge values may be infinite, and is held below
        standard: NDArray[np.float64] = (_array(values) - state.mean) / state.deviation
    return np.clip(standard, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _restore(arrays: Mapping[str, Array], state: NumberState) -> NDArray[np.float64]:
    answered = arrays["value"].astype(np.float64)
    if not np.isfinite(answered).all():
        raise FloatingPointError("the body answered values that are not finite numbers")
    with np.errstate(over="ignore"):  # at the ends of float64 an answer is the last number there is
        restored: NDArray[np.float64] = answered * state.deviation + state.mean
    return np.clip(restored, -sys.float_info.max, sys.float_info.max)
