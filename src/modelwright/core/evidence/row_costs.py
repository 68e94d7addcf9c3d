"""Intervals for the mean of what rows cost, where most rows cost nothing: wrong memberships of sets, wrong answers.

The memberships of one row are not independent, so rows are the unit: a row costs the sum of its wrong
memberships, or what its wrong answer costs, one of a few values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals
from modelwright.core.evidence.metric import NOTHING, MetricValue

Floats = NDArray[np.float64]

ENOUGH_WRONG = 50  # rows that cost something, from which on the mean over rows is nearly normal


@dataclass(frozen=True)
class RowCosts:
    """What rows cost: (n,), ≥ 0; and what a row may cost though none did yet (u,), which keeps an interval open."""

    rows: Floats
    unseen: Floats


def of_a_mean(costs: RowCosts, influence: Floats, confidence: float) -> MetricValue:
    """Return the mean cost with its interval; influence: (n,) of mean 0, how much each row moves it.

    Where few rows cost something, the count of rows at each cost v is Poisson (many rows, each rarely), so that
    the mean is Σ v·N_v/n with independent N_v (a compound Poisson sum), whose tails the saddlepoint formula
    gives under the most likely rates (`intervals.sum_of_errors`). Costs not seen yet are strata without errors.
    Where many do, the mean of the influences is nearly normal (`intervals.mean`); the wider end holds.
    """
    n = len(costs.rows)
    if n == 0:
        return NOTHING
    # the mean cost, and how many rows cost anything
    value = float(costs.rows.mean())
    low, high = _compound(costs, confidence)
    wrong = int((costs.rows > 0).sum())
    if wrong < ENOUGH_WRONG:
        return MetricValue.of(value, (low, high), n, "saddlepoint")
    bounds = intervals.mean(influence, confidence)
    if bounds is None:
        return MetricValue.of(value, (low, high), n, "saddlepoint")
    return MetricValue.of(value, (value + bounds[0], value + bounds[1]), n, "hall")


def _compound(costs: RowCosts, confidence: float) -> intervals.Bounds:
    n = len(costs.rows)
    # (strata,): the costs that occur, to 12 digits, since sums of equal costs differ in the last bits
    values, counts = np.unique(np.round(costs.rows[costs.rows > 0], 12), return_counts=True)
    more = costs.unseen[(costs.unseen > 0) & ~np.isin(np.round(costs.unseen, 12), values)]
    strata = np.concatenate([values, more])
    if not len(strata):
        return 0.0, 0.0
    # (strata,): rows at each cost; none at the costs that were not seen
    errors = np.concatenate([counts.astype(np.float64), np.zeros(len(more))])
    many = np.full(len(strata), n * 1000.0)  # trials so rare that their count is Poisson
    return intervals.sum_of_errors(errors, many, strata / n, confidence)
