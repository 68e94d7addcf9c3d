"""Outcomes of an output that is a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes
from modelwright.outcomes.contract import written_answers
from modelwright.outcomes.records import fields

_MOST_NAMES = 100  # fields with figures of their own; of an open record there may be any number


@final
@dataclass(frozen=True)
class RecordOutcomes(written_answers.WrittenOutcomes):
    """Outcomes of n records: texts of JSON objects. What was cut, or does not parse, is no answer.

    names: fields of the truths, sorted.
    """

    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        truth: Sequence[str | None],
        predicted: Sequence[str | None],
        *,
        written: NDArray[np.bool_],
        cut: NDArray[np.bool_],
        likely: NDArray[np.float64],
    ) -> Self:
        """Return the outcomes; likely: (n, 2), ln p of each truth and its tokens."""
        # names of all truths: a field that no truth has is wrong wherever it is answered
        names = sorted({name for one in truth for name in fields.top(one)})[:_MOST_NAMES]
        return cls(
            _objects(truth), _objects(predicted), written, cut, likely[:, 0], likely[:, 1], tuple(names)
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the fields, each of which has figures of its own."""
        return self.names

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where `to` is of another family."""
        if not isinstance(to, RecordOutcomes):
            raise ValueError("outcomes of another family")
        return replace(self, truth=to.truth, names=to.names)


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return values as an array (n,) of objects, whatever they are."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
