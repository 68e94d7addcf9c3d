"""Outcomes of an output that is a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice
from modelwright.outcomes.records import fields

_MOST_NAMES = 100  # fields with figures of their own; of an open record there may be any number


@final
@dataclass(frozen=True)
class RecordOutcomes(Outcomes):
    """Outcomes of n records. Writing is dear, so that it need not be done for every row.

    names: fields of the truths, sorted; truth, predicted: (n,) texts of JSON objects, None where there is none: what
    was cut, or does not parse, is no answer; written: (n,) for which rows an answer was; cut: (n,) which answers end
    because they were as long as they may be; log_likelihood: (n,) ln p that the body gives to the truth, its end among
    it, and tokens: (n,) of the truth, NaN where that is not known.
    """

    names: tuple[str, ...]
    truth: NDArray[np.object_]
    predicted: NDArray[np.object_]
    written: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    log_likelihood: NDArray[np.float64]
    tokens: NDArray[np.float64]

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
            tuple(names), _objects(truth), _objects(predicted), written, cut, likely[:, 0], likely[:, 1]
        )

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items() if name != "names"})

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the fields, each of which has figures of its own."""
        return self.names

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth, and were written for."""
        return np.asarray(self.written & (self.truth != None), dtype=np.bool_)  # noqa: E711 - of each element

    @property
    def likely(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth of which it is known how likely it is."""
        there = np.asarray(self.truth != None, dtype=np.bool_)  # noqa: E711 - of each element
        return there & np.isfinite(self.log_likelihood) & (self.tokens > 0)

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where `to` is of another family."""
        if not isinstance(to, RecordOutcomes):
            raise ValueError("outcomes of another family")
        return replace(self, truth=to.truth, names=to.names)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers, and what is known of how likely each truth is."""
        return {
            "answer": self.predicted.tolist(),
            "written": self.written,
            "cut": self.cut,
            "log_likelihood": self.log_likelihood,
            "tokens": self.tokens,
        }


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return values as an array (n,) of objects, whatever they are."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
