"""Shares of rows, and means of shares over classes: what accuracy, recall and F1 have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals
from modelwright.core.metrics.base import NOTHING, Influence, Measured, Strata
from modelwright.core.outcomes import ClassOutcomes

Floats = NDArray[np.float64]

MID_P = "mid-p"
SADDLEPOINT = "saddlepoint"


@dataclass(frozen=True)
class Table:
    """Counts a class: rows of it, answers that name it, and both; each (C,) float64."""

    truth: Floats
    predicted: Floats
    right: Floats

    @classmethod
    def of(cls, outcomes: ClassOutcomes) -> Table:
        size = len(outcomes.classes)

        def count(rows: NDArray[np.int64]) -> Floats:
            return np.bincount(rows[rows >= 0], minlength=size).astype(np.float64)

        right = outcomes.truth[outcomes.truth == outcomes.predicted]
        return cls(count(outcomes.truth), count(outcomes.predicted), count(right))


def one_class(outcomes: ClassOutcomes, of: str | None) -> int | None:
    """Return the class that is meant: the one in brackets, "true" of a boolean, or None for all of them."""
    if of is None:
        return outcomes.classes.index("true") if outcomes.classes == ("false", "true") else None
    return outcomes.classes.index(of)


def share(right: NDArray[np.bool_], among: NDArray[np.bool_] | None, confidence: float) -> Measured:
    """Return the share of right rows, among some of the rows."""
    n = len(right) if among is None else int(among.sum())
    k = int(right.sum() if among is None else (right & among).sum())
    if n == 0:
        return NOTHING
    return Measured.of(k / n, intervals.proportion(k, n, confidence), n, MID_P)


def share_influence(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Influence | None:
    """Return how much each row moves the share of right rows among some, None without any."""
    n, rows = len(right), int(among.sum())
    if rows == 0:
        return None
    value = float((right & among).sum()) / rows
    strata = Strata(right, np.where(among, 0, -1))
    return Influence(value, among * (right - value) * (n / rows), n / rows, strata)


def right_rows(outcomes: ClassOutcomes) -> NDArray[np.bool_]:
    """Return which rows are answered with their true class."""
    found: NDArray[np.bool_] = (outcomes.truth == outcomes.predicted) & (outcomes.truth >= 0)
    return found


def all_rows(outcomes: ClassOutcomes) -> NDArray[np.bool_]:
    """Return a mask of every row."""
    return np.ones(len(outcomes), dtype=bool)


def average(
    errors: Floats, rows: Floats, weights: Floats, lost: float, n: int, confidence: float
) -> Measured:
    """Return 1 - lost - Σ weights · errors with its interval."""
    value = 1 - lost - float(weights @ errors)
    low, high = intervals.sum_of_errors(errors, rows, weights, confidence)
    return Measured.of(value, (max(0.0, 1 - lost - high), min(1.0, 1 - lost - low)), n, SADDLEPOINT)


def mean_influence(parts: list[Influence | None]) -> Influence | None:
    """Return the influence on the mean of several values, of those that there are."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Influence(
        sum(part.value for part in known) / len(known),
        np.mean([part.rows for part in known], axis=0),
        max(part.flip for part in known) / len(known),
    )
