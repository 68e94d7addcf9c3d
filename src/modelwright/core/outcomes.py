"""What became of every example: the truth beside the answer, as arrays. Metrics are computed from these.

A kind makes the outcomes of its outputs (`Kind.outcomes`); a later kind (boxes, spans) brings a class of
its own, and its metrics name that class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassOutcomes:
    """Outcomes of an output with classes (`category`, `boolean`).

    truth: (n,) int64, an index into `classes`, −1 where the true class is none of them;
    predicted: (n,) int64, −1 where the function abstained; probabilities: (n, C) float64, rows sum to one.
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            probabilities=self.probabilities[rows],
        )


@dataclass(frozen=True)
class NumberOutcomes:
    """Outcomes of a numeric output; truth and predicted: (n,) float64, in the output's own unit."""

    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, truth=self.truth[rows], predicted=self.predicted[rows])


Outcomes = ClassOutcomes | NumberOutcomes
