"""The area under the ROC curve: how well probabilities rank the rows of a class before all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.intervals import Bounds
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.units import Unit
from modelwright.outcomes.classes.class_table import one_class
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.classes.score_bounds import score_bounds

Floats = NDArray[np.float64]


def _areas(outcomes: ClassOutcomes, of: str | None) -> tuple[Floats, Floats, Floats]:
    """Return areas (k,), rows of the class (k,) and influences (k, n), of each class that can be ranked."""
    classes: list[int] = list(range(len(outcomes.classes)))
    if (one := one_class(outcomes, of)) is not None:
        classes = [one]
    n = len(outcomes)
    areas, rows, influences = [], [], []
    for one in classes:
        positive = outcomes.truth == one
        m = int(positive.sum())
        # with one side empty there is no pair to rank
        if m in (0, n):
            continue
        score = outcomes.probabilities[:, one]
        # Mann-Whitney: a row's rank among all, less its rank on its own side, counts the other side below it
        ranks = _mean_ranks(score)
        placed = np.empty(n)  # share of the other side that is ranked rightly against the row
        placed[positive] = (ranks[positive] - _mean_ranks(score[positive])) / (n - m)
        placed[~positive] = 1 - (ranks[~positive] - _mean_ranks(score[~positive])) / m
        area = float(placed[positive].mean())
        areas.append(area)
        rows.append(m)
        # DeLong's components: each side's spread, weighted by how few rows it has
        influences.append((placed - area) * np.where(positive, n / m, n / (n - m)))
    return np.array(areas), np.array(rows, dtype=np.float64), np.array(influences).reshape(len(areas), n)


def _mean_ranks(score: Floats) -> Floats:
    """Return ranks from 1; equal scores share the mean of theirs."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    # ties of m rows that end at rank r share r - (m - 1)/2
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def _auc(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    areas, rows, influences = _areas(outcomes, of)
    if not len(areas):
        return NOTHING
    bounds = _bounds(areas, rows, influences.mean(axis=0), confidence)
    return MetricValue.of(float(areas.mean()), bounds, len(outcomes), "score")


def _auc_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    areas, rows, influences = _areas(outcomes, of)
    if not len(areas):
        return None
    # the most that one row can move: of the smallest class, ranked below all others, 1/m of its area
    flip = len(outcomes) / (float(rows.min()) * len(areas))
    one = one_class(outcomes, of)
    sides = outcomes.truth if one is None else (outcomes.truth == one).astype(np.int64)
    return Influence(float(areas.mean()), influences.mean(axis=0), flip, sides=sides)


def _bounds(areas: Floats, rows: Floats, influence: Floats, confidence: float) -> Bounds:
    """Return a score interval of the areas' mean.

    The model of the spread is Hanley & McNeil's (1982, Radiology 143:29) in the form of Newcombe (2006, Stat. Med.
    25:559, method 5), times the ratio of DeLong's (1988, Biometrics 44:837) spread to it at the areas seen.
    """
    n = len(influence)
    return score_bounds(areas, lambda moved: _spread(moved, rows, n), influence, confidence, least_ratio=0.5)


def _spread(areas: Floats, rows: Floats, n: int) -> Floats:
    # (k,): [A(1-A) + (N/2-1)(Q₁-A²) + (N/2-1)(Q₂-A²)] / (m(n-m)), Q₁ = A/(2-A), Q₂ = 2A²/(1+A), with A(1-A)
    # taken out; N/2 for either side's size is what makes it Newcombe's method 5 of Hanley and McNeil's formula
    half = n / 2 - 1
    spread: Floats = (
        areas * (1 - areas) * (1 + half * (1 - areas) / (2 - areas) + half * areas / (1 + areas))
    ) / (rows * (n - rows))
    return spread


AUC = Metric(
    name="auc",
    better="higher",
    unit=Unit.FRACTION,
    phases=frozenset({Phase.TEST}),
    family="classes",
    per_class=True,
    interval="score interval with DeLong's spread (Newcombe 2006, method 5)",
    summary="area under the ROC curve of a class against the rest; without a class: the mean",
    measure=_auc,
    influence=_auc_influence,
)
