"""Outcomes of an output with classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice


@final
@dataclass(frozen=True)
class ClassOutcomes(Outcomes):
    """Outcomes of an output with classes, of which exactly one is true.

    truth: (n,) int64, an index into `classes`, −1 where the true class is none of them;
    predicted: (n,) int64, −1 where the function abstained; probabilities: (n, C) float64, rows sum to one;
    positive: the class that a metric without a class means (`true` of a truth value), None: the mean of all.
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    positive: str | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            probabilities=self.probabilities[rows],
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes."""
        return self.classes

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers in the classes of `to`; an answer that is none of them is no answer."""
        if not isinstance(to, ClassOutcomes):
            raise ValueError("outcomes of another family")
        # places (our C,): where each of our classes stands among theirs, −1 where nowhere
        place = {name: position for position, name in enumerate(to.classes)}
        places = np.array([place.get(name, -1) for name in self.classes], dtype=np.int64)
        shared = places >= 0
        probabilities = np.zeros((len(self), len(to.classes)))
        probabilities[:, places[shared]] = self.probabilities[:, shared]
        # (n,): an abstention stays −1 (as an index it would mean the last class)
        predicted = np.where(self.predicted < 0, -1, places[self.predicted])
        return replace(
            self, classes=to.classes, truth=to.truth, predicted=predicted, probabilities=probabilities
        )

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return answers, the confidence of the likeliest class, and all probabilities in the classes' order."""
        answers = [self.classes[place] if place >= 0 else None for place in self.predicted.tolist()]
        return {
            "answer": answers,
            "confidence": self.probabilities.max(axis=1),
            "probabilities": self.probabilities.astype(np.float32),
        }
