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
    positive: the class that a metric without a class means (`true` of a truth value), None: the mean of all;
    considered: (n,) int64, the answer that was given or, where the function abstained, withheld; None: the
    likeliest class.
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    positive: str | None = None
    considered: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            probabilities=self.probabilities[rows],
            considered=None if self.considered is None else self.considered[rows],
        )

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Return the probability (n,) of the answer that was given or withheld."""
        if self.considered is None:
            likeliest: NDArray[np.float64] = self.probabilities.max(axis=1)
            return likeliest
        return self.probabilities[np.arange(len(self)), self.considered]

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
        considered = None
        if self.considered is not None:
            # what was considered and is none of their classes: of theirs, the likeliest
            meant = places[self.considered]
            considered = np.where(meant < 0, probabilities.argmax(axis=1), meant)
        return replace(
            self,
            classes=to.classes,
            truth=to.truth,
            predicted=predicted,
            probabilities=probabilities,
            considered=considered,
        )

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return answers, the confidence of each, and all probabilities in the classes' order."""
        answers = [self.classes[place] if place >= 0 else None for place in self.predicted.tolist()]
        return {
            "answer": answers,
            "confidence": self.confidence,
            "probabilities": self.probabilities.astype(np.float32),
        }
