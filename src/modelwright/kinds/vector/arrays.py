"""Vectors, each dimension by its own mean and deviation, and back."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import FAR, Answer, Array, ArraySpec, Dumped, Form, Role
from modelwright.kinds.shared.middle import fill_values, unflattened, written
from modelwright.kinds.shared.sealed_state import Deviation, SealedState
from modelwright.kinds.vector.value import MOST_NUMBERS, Vector
from modelwright.outcomes.vectors.outcomes import VectorOutcomes

# As of numbers: below this share of the largest value a deviation is rounding, and truths are held within so many.
CONSTANT = 1e-12
MOST_DEVIATIONS = 1e6
MOST_RAW = float(np.finfo(np.float32).max)  # what is taken as it is stays finite in float32
_HIGHEST = sys.float_info.max


@dataclass(frozen=True)
class VectorState:
    """Mean and standard deviation of each dimension in the training split, (d,) both; that of a constant one is 1.

    limit: standardised values are held within ± limit.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    limit: float = MOST_DEVIATIONS

    @property
    def length(self) -> int:
        """Return d."""
        return len(self.means)

    @cached_property
    def scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return means and deviations, (d,) both."""
        return np.array(self.means), np.array(self.deviations)


class _SealedVector(SealedState):
    """A finite mean and a deviation for each dimension."""

    means: Annotated[list[float], Field(min_length=1, max_length=MOST_NUMBERS)]
    deviations: Annotated[list[Deviation], Field(min_length=1, max_length=MOST_NUMBERS)]
    limit: Annotated[float, Field(ge=1.0, le=MOST_RAW)]


class VectorArrays(Arrays[VectorState, Vector]):
    """In: `values` float32 (batch, d) and `missing` float32 (batch,). Out: `values` float32 (batch, d).

    Values are standardised; where `missing` is 1, they are 0.
    """

    gaps_within: ClassVar[bool] = False
    input_form: ClassVar[Form | None] = Form.VECTOR
    output_form: ClassVar[Form | None] = Form.VECTOR

    def fit(
        self, values: Sequence[Vector | None], *, role: Role = Role.INPUT, raw: bool = False, **options: Any
    ) -> VectorState:
        """Return mean and deviation of each dimension; raises ValueProblem where lengths differ.

        raw: an input is taken as it is: 0 and 1.
        """
        there = [value for value in values if value is not None]
        limit = FAR if role is Role.INPUT else MOST_DEVIATIONS
        if not there:
            return VectorState((0.0,), (1.0,), limit)
        lengths = {len(value) for value in there}
        if len(lengths) > 1:
            raise ValueProblem("state.lengths-differ", fewest=min(lengths), most=max(lengths))
        if raw:
            length = len(there[0])
            return VectorState((0.0,) * length, (1.0,) * length, MOST_RAW)
        table = np.array(there)  # (n, d)
        largest = np.abs(table).max(axis=0)
        largest[largest == 0] = 1.0
        shares = table / largest  # so that the squares of huge values do not overflow
        means, deviations = shares.mean(axis=0) * largest, shares.std(axis=0)
        varies = (deviations > CONSTANT) & (deviations * largest >= sys.float_info.min)
        deviations = np.where(varies, deviations * largest, 1.0)
        if role is Role.INPUT:
            for place in np.flatnonzero(varies):
                means[place], deviations[place] = unflattened(
                    table[:, place], means[place], deviations[place]
                )
        return VectorState(tuple(means.tolist()), tuple(deviations.tolist()), limit)

    def dump(self, state: VectorState) -> Dumped:
        """Return the state as JSON."""
        data = {"means": list(state.means), "deviations": list(state.deviations), "limit": state.limit}
        return Dumped(data, {})

    def load(self, dumped: Dumped) -> VectorState:
        """Read what `dump` returned."""
        sealed = _SealedVector.read(dumped.data)
        count, wanted = len(sealed.deviations), len(sealed.means)
        if count != wanted:
            raise ValueProblem("state.absurd-count", key="deviations", count=count, wanted=wanted)
        return VectorState(tuple(sealed.means), tuple(sealed.deviations), sealed.limit)

    def example(self, state: VectorState) -> Vector:
        """Return the mean."""
        return tuple(one + 0.0 for one in state.means)

    def misfit(self, value: Vector, state: VectorState) -> ValueProblem | None:
        """Return what is wrong with a vector of another length than those of training."""
        if len(value) == state.length:
            return None
        return ValueProblem("value.other-length", count=len(value), wanted=state.length)

    def standing_out(self, values: Sequence[Vector | None]) -> list[tuple[str, int]]:
        """Return the least and the most of a dimension where they look like fill values, and in how many rows."""
        there = [value for value in values if value is not None]
        if not there or len({len(value) for value in there}) > 1:
            return []
        found: dict[str, int] = {}
        for column in np.array(there).T:
            for value, count in fill_values(column):
                word = written(value)
                found[word] = max(count, found.get(word, 0))
        return list(found.items())

    def specs(self, state: VectorState) -> dict[str, ArraySpec]:
        """Return `values`: float32 (batch, d), and `missing`: float32 (batch,)."""
        return {
            "values": ArraySpec("float32", ("batch", state.length)),
            "missing": ArraySpec("float32", ("batch",)),
        }

    def encode(self, values: Sequence[Vector | None], state: VectorState) -> dict[str, Array]:
        """Return standardised values and which are missing; a misfit, which is refused before, counts as missing."""
        standard = _standardise(values, state)
        missing = np.isnan(standard[:, 0])
        return {
            "values": np.where(missing[:, None], 0.0, standard).astype(np.float32),
            "missing": missing.astype(np.float32),
        }

    def answers(self, state: VectorState) -> dict[str, ArraySpec]:
        """Return `values`: float32 (batch, d), standardised."""
        return {"values": ArraySpec("float32", ("batch", state.length))}

    def encode_truth(
        self, values: Sequence[Vector | None], inputs: Columns, state: VectorState
    ) -> dict[str, Array]:
        """Return `values`: standardised, float32 (n, d); NaN for a missing truth."""
        return {"values": _standardise(values, state).astype(np.float32)}

    def decode(self, arrays: Mapping[str, Array], state: VectorState, inputs: Columns) -> list[Answer]:
        """Return each vector in its own unit; it has no confidence."""
        return [Answer(tuple(row)) for row in _restore(arrays, state).tolist()]

    def outcomes(
        self,
        values: Sequence[Vector | None],
        arrays: Mapping[str, Array],
        state: VectorState,
        inputs: Columns,
    ) -> VectorOutcomes:
        """Return truths (NaN: missing) and answers, in their own unit."""
        return VectorOutcomes(_table(values, state), _restore(arrays, state))


def _table(values: Sequence[Vector | None], state: VectorState) -> NDArray[np.float64]:
    """Return vectors as (n, d), NaN where one is missing, or of another length."""
    found = np.full((len(values), state.length), math.nan)
    for row, value in enumerate(values):
        if value is not None and len(value) == state.length:
            found[row] = value
    return found


def _standardise(values: Sequence[Vector | None], state: VectorState) -> NDArray[np.float64]:
    means, deviations = state.scale
    with np.errstate(over="ignore"):  # the difference of two huge values may be infinite, and is held below
        standard: NDArray[np.float64] = (_table(values, state) - means) / deviations
    return np.clip(standard, -state.limit, state.limit)


def _restore(arrays: Mapping[str, Array], state: VectorState) -> NDArray[np.float64]:
    answered = arrays["values"].astype(np.float64)  # (n, d)
    if not np.isfinite(answered).all():
        raise FloatingPointError("the body answered values that are not finite numbers")
    means, deviations = state.scale
    with np.errstate(over="ignore"):  # at the ends of float64 an answer is the last number there is
        restored: NDArray[np.float64] = answered * deviations + means
    return np.clip(restored, -_HIGHEST, _HIGHEST) + 0.0
