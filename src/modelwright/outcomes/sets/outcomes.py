"""Outcomes of an output that is a set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice


@final
@dataclass(frozen=True)
class SetOutcomes(Outcomes):
    """Outcomes of an output that is a set of K tags.

    truth: (n, K) int8, 1 where the tag is in the set, 0 where not, −1 throughout where the truth is missing;
    predicted: (n, K) int8, 0 or 1; probabilities: (n, K) float64, of each tag on its own; unseen: (n,) int64,
    how many true tags are none of the K, each of which is missed.
    """

    tags: tuple[str, ...]
    truth: NDArray[np.int8]
    predicted: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    unseen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            probabilities=self.probabilities[rows],
            unseen=self.unseen[rows],
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the tags."""
        return self.tags

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth."""
        return np.asarray((self.truth >= 0).all(axis=1), dtype=np.bool_)

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers in the tags of `to`; a tag that is answered and none of them is dropped."""
        if not isinstance(to, SetOutcomes):
            raise ValueError("outcomes of another family")
        place = {name: position for position, name in enumerate(self.tags)}
        # (n, K of `to`): a tag that this body does not know is never answered by it
        predicted = np.zeros_like(to.predicted)
        probabilities = np.zeros((len(self), len(to.tags)))
        for column, name in enumerate(to.tags):
            if name in place:
                predicted[:, column] = self.predicted[:, place[name]]
                probabilities[:, column] = self.probabilities[:, place[name]]
        return replace(
            self,
            tags=to.tags,
            truth=to.truth,
            predicted=predicted,
            probabilities=probabilities,
            unseen=to.unseen,
        )

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Return (n,): the probability of the membership, in or out as answered, that is least sure."""
        # (n, K) → (n,)
        inside = self.probabilities
        sure: NDArray[np.float64] = np.where(self.predicted == 1, inside, 1 - inside).min(axis=1)
        return sure

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return answers as JSON lists, the confidence of the least sure membership, and all probabilities."""
        answers = [
            json.dumps([self.tags[place] for place in np.flatnonzero(row)], ensure_ascii=False)
            for row in self.predicted
        ]
        return {
            "answer": answers,
            "confidence": self.confidence,
            "probabilities": self.probabilities.astype(np.float32),
        }
