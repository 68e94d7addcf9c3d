"""The facet `gap`: how far the answers of two bodies to the same rows lie apart, and what of it is too much."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes

Of = TypeVar("Of", bound=Outcomes)


@dataclass(frozen=True)
class Gap:
    """How far two sets of answers to the same rows lie apart.

    `labels` counts rows whose answered label (class, set of tags) differs. `probability` and `confidence` are
    the largest differences of any label's probability and of the answer's own; for a number both are the
    largest difference in standard deviations of the truth. `rows` counts what was compared.
    """

    rows: int
    labels: int
    probability: float
    confidence: float

    def as_json(self) -> dict[str, int | float]:
        """Return the gap as JSON."""
        return asdict(self)

    def widest(self, other: Gap) -> Gap:
        """Return the larger of two gaps over the same rows, figure by figure."""
        return Gap(
            self.rows,
            max(self.labels, other.labels),
            max(self.probability, other.probability),
            max(self.confidence, other.confidence),
        )


class BodyGap(ABC, Generic[Of]):
    """Compares outcomes of two bodies, and says how much of the main metric a compressed body may lose.

    main: the metric of the family that stands for all; balanced: the one that stands for all where single labels
    count, None: there is none; steady: one of the probabilities themselves, which no operating point moves, None: there
    is none; priced: the one that stands for all where errors have costs, of which as large a share may be lost;
    most_lost: by how much the main one may get worse, in its own unit or, where `relative`, as a share of the exact
    body's value.
    """

    main: ClassVar[str]
    balanced: ClassVar[str | None] = None
    steady: ClassVar[str | None] = None
    priced: ClassVar[str | None] = None
    most_lost: ClassVar[float]
    relative: ClassVar[bool] = False

    @classmethod
    def stands_for_all(cls, *, priced: bool) -> str:
        """Return the metric that stands for all of an output, whose errors have costs or have none."""
        return cls.priced if priced and cls.priced is not None else cls.main

    @abstractmethod
    def between(self, left: Of, right: Of) -> Gap:
        """Return how far two outcomes of the same rows, with the same labels, lie apart."""


def largest(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    """Return the largest difference of two arrays of one shape, 0 of empty ones."""
    return float(np.abs(left - right).max()) if left.size else 0.0


def in_deviations(
    truth: NDArray[np.floating], left: NDArray[np.floating], right: NDArray[np.floating]
) -> float:
    """Return the largest difference of two arrays of answers in standard deviations of the truth (n, ...).

    The truth is NaN where it is missing. Without a truth, or with equal ones, the unit is the output's own.
    """
    spread = float(np.nanstd(truth)) if np.isfinite(truth).any() else 0.0
    return largest(left, right) / (spread or 1.0)
