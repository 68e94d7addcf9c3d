"""What became of every example: the truth beside the answer, as arrays. Metrics are computed from these.

A family of outcomes (classes, numbers, sets) is a folder in `outcomes/` with a final subclass; a kind makes the
outcomes of its outputs (`Arrays.outcomes`) and names its family (`Value.family`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

RowChoice = NDArray[np.bool_] | NDArray[np.int64]


class Outcomes(ABC):
    """Truths and answers of n rows. A subclass is a frozen dataclass of arrays whose first axis is the row."""

    @abstractmethod
    def __len__(self) -> int:
        """Return n."""

    @abstractmethod
    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask (n,) or an array of positions."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return what a metric may name in brackets (`recall[fraud]`); none of a family without."""
        return ()

    @property
    def priced(self) -> bool:
        """Return whether it is declared what wrong answers cost."""
        return False

    def beside_training(self, truths: Sequence[Any]) -> Self:
        """Return the outcomes with what they show beside the truths of the training split, by default nothing."""
        return self

    def preferred(self, points: NDArray[np.float64], *, by_function: bool = False) -> Self:
        """Return the outcomes with what people, or a function that judges, said of them, by default nothing.

        points: (n,) 1 of an answer that was better than the other's, 0 of one that was worse, NaN where nobody said.
        """
        return self

    def spoken(self) -> list[str | None]:
        """Return each answer (n,) as people are shown it: "" where it is none, None where nobody asked for it.

        Raises ValueError where answers are not written.
        """
        raise ValueError("answers that are not written")

    @abstractmethod
    def aligned(self, to: Outcomes) -> Self:
        """Return these answers in the labels and beside the truths of other outcomes of the same rows.

        Two functions are compared so: what one answers and the other has no label for is no right answer.
        Raises ValueError where `to` is of another family.
        """

    @abstractmethod
    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return what is kept of each row beside its truth (`answer`, `confidence`), n entries each."""
