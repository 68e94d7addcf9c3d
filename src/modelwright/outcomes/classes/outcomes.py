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
    likeliest class; costs: (C, C + 1) float64, what each answer to each truth costs, the last column of no answer,
    None where that is not declared.
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    positive: str | None = None
    considered: NDArray[np.int64] | None = None
    costs: NDArray[np.float64] | None = None

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

    @property
    def priced(self) -> bool:
        """Return whether it is declared what wrong answers cost."""
        return self.costs is not None

    def row_costs(self) -> NDArray[np.float64]:
        """Return (n,) what the answer to each row costs; a truth that is none of the classes: as the dearest."""
        assert self.costs is not None, "costs are declared"
        # −1, of no answer, is the last column as it is
        paid: NDArray[np.float64] = np.where(
            self.truth >= 0, self.costs[self.truth, self.predicted], self.costs.max(axis=0)[self.predicted]
        )
        return paid

    def answered_by_costs(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return (n,) the class that is expected to cost least under probabilities (n, C); of equals the first."""
        assert self.costs is not None, "costs are declared"
        # (n, C) @ (C, C): of each answer, what it costs on average over what the truth may be
        expected = probabilities @ self.costs[:, : len(self.classes)]
        cheapest: NDArray[np.int64] = expected.argmin(axis=1).astype(np.int64)
        return cheapest

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers in the classes, and at the costs, of `to`; another class is no answer."""
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
            costs=to.costs,
        )

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return answers, the confidence of each, and all probabilities in the classes' order."""
        answers = [self.classes[place] if place >= 0 else None for place in self.predicted.tolist()]
        return {
            "answer": answers,
            "confidence": self.confidence,
            "probabilities": self.probabilities.astype(np.float32),
        }
