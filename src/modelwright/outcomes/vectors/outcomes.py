"""Outcomes of an output that is a vector."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class VectorOutcomes(Outcomes):
    """Outcomes of vectors of d numbers; truth (NaN: missing) and predicted: (n, d) float64, in their own unit."""

    truth: Floats
    predicted: Floats

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, truth=self.truth[rows], predicted=self.predicted[rows])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth."""
        return np.asarray(~np.isnan(self.truth).any(axis=1), dtype=np.bool_)

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where those are of another length."""
        if not isinstance(to, VectorOutcomes) or to.truth.shape != self.truth.shape:
            raise ValueError("outcomes of another family, or of vectors of another length")
        return replace(self, truth=to.truth)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers as JSON lists."""
        return {"answer": [json.dumps(row) for row in self.predicted.tolist()]}


def cosines(outcomes: VectorOutcomes) -> Floats:
    """Return the cosine of the angle between truth and answer of each row (n,); 0 of an answer of length 0.

    NaN where the truth is missing, or of length 0, and has no direction.
    """
    # Each by its largest number first, so that no square overflows or vanishes.
    truth, answer = (_of_unit_length(one) for one in (outcomes.truth, outcomes.predicted))
    found = (truth * answer).sum(axis=1)
    # (n,): a truth of zeros points nowhere, so that no answer is right or wrong
    without = outcomes.known & ~outcomes.truth.any(axis=1)
    return np.where(without, np.nan, np.clip(found, -1.0, 1.0))


def _of_unit_length(vectors: Floats) -> Floats:
    """Return vectors (n, d) of length 1; those of length 0 stay."""
    # (n, 1)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    shares = vectors / np.where(largest == 0, 1.0, largest)
    lengths = np.sqrt((shares**2).sum(axis=1, keepdims=True))
    found: Floats = shares / np.where(lengths == 0, 1.0, lengths)
    return found
