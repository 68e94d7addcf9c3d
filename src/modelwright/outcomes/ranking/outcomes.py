"""Outcomes of an output that is chosen from a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice

Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True)
class RankingOutcomes(Outcomes):
    """Outcomes of rankings of k passages.

    truth, predicted: (n,) places of passages, -1 of a row without a truth or an answer; where the answer is one of
    several right passages, truth is that one. hits, lexical: (n, k), which places of the ranking, and of that which
    words alone give, hold a right passage, the best first. right: (n,), how many passages are right, 0 without a truth.
    probabilities: (n,), how likely the first of each ranking is right. answers: the id that is answered; named: the
    ids of each truth.
    """

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    hits: Mask
    lexical: Mask
    right: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    answers: Sequence[str | None]
    named: Sequence[frozenset[str]]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        chosen = np.arange(len(self))[rows]
        return replace(
            self,
            truth=self.truth[chosen],
            predicted=self.predicted[chosen],
            hits=self.hits[chosen],
            lexical=self.lexical[chosen],
            right=self.right[chosen],
            probabilities=self.probabilities[chosen],
            answers=tuple(self.answers[row] for row in chosen.tolist()),
            named=tuple(self.named[row] for row in chosen.tolist()),
        )

    @property
    def known(self) -> Mask:
        """Return which rows (n,) have a truth."""
        return self.truth >= 0

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where those are of another family.

        Which passage is right was asked of each function's own corpus: what is taken over is which rows have a truth.
        """
        if not isinstance(to, RankingOutcomes) or len(to) != len(self):
            raise ValueError("outcomes of another family, or of other rows")
        # (n,): no place is right in a row of which nobody knows what is
        gone = ~to.known
        return replace(
            self,
            truth=np.where(gone, -1, self.truth),
            hits=self.hits & ~gone[:, None],
            lexical=self.lexical & ~gone[:, None],
            right=np.where(gone, 0, self.right),
            named=to.named,
        )

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the ids that are answered, how sure, and the rank of the first right passage, 0 for none."""
        return {
            "answer": list(self.answers),
            "confidence": self.probabilities,
            "rank": first_ranks(self.hits).astype(np.float64),
        }


def first_ranks(hits: Mask) -> NDArray[np.int64]:
    """Return the rank of the first hit of each row (n,) of (n, k), from 1; 0: none is one."""
    # (n, k) → (n,): argmax gives the first of equals, and 0 of a row without any
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0).astype(np.int64)
