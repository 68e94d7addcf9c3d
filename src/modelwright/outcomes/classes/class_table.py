"""What the metrics of classes count: right rows, and rows and answers of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.outcomes.classes.outcomes import ClassOutcomes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassTable:
    """Counts a class: rows of it, answers that name it, and both; each (C,) float64."""

    truth: Floats
    predicted: Floats
    right: Floats

    @classmethod
    def of(cls, outcomes: ClassOutcomes) -> ClassTable:
        """Count the rows."""
        size = len(outcomes.classes)

        def count(rows: NDArray[np.int64]) -> Floats:
            # (n,) → (C,); −1 (an unknown truth, an abstention) is counted for no class
            return np.bincount(rows[rows >= 0], minlength=size).astype(np.float64)

        # (right,): also −1 where an unknown truth met an abstention, which `count` leaves out
        right = outcomes.truth[outcomes.truth == outcomes.predicted]
        return cls(count(outcomes.truth), count(outcomes.predicted), count(right))


def one_class(outcomes: ClassOutcomes, of: str | None) -> int | None:
    """Return the place of the class that is meant: the one in brackets, the positive one, None for all."""
    name = outcomes.positive if of is None else of
    return None if name is None else outcomes.classes.index(name)


def right_rows(outcomes: ClassOutcomes) -> NDArray[np.bool_]:
    """Return which rows (n,) are answered with their true class."""
    found: NDArray[np.bool_] = (outcomes.truth == outcomes.predicted) & (outcomes.truth >= 0)
    return found


def all_rows(outcomes: ClassOutcomes) -> NDArray[np.bool_]:
    """Return a mask (n,) of every row."""
    return np.ones(len(outcomes), dtype=bool)
