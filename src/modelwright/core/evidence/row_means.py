"""Means over rows of which some are left out, and how much each row moves them.

Shapes: n rows, m of them that count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.metric import NOTHING, Influence, MetricValue
from modelwright.core.evidence.shares import Ways

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Outcomes = TypeVar("Outcomes")
OF_A_MEAN = "that of a mean within a known range, 0 to 1 (`core.evidence.means`)"


def spread_out(counts: Mask, moved: Floats) -> Floats:
    """Return one influence per row (n,), 0 for those left out; `moved` (m,) holds those of the others."""
    # n/m times as much a row, since the others weigh nothing
    found = np.zeros(len(counts))
    found[counts] = moved * (len(counts) / max(int(counts.sum()), 1))
    return found


def influence_of_mean(values: Floats, counts: Mask, most: float = 0.0) -> Influence | None:
    """Return the mean of the rows that count, values (m,), and how each row (n,) moves it; None without any.

    most: how far one more row may lie from the others, where that is known.
    """
    if not len(values):
        return None
    # a mean: each row moves it by its distance from it
    moved = spread_out(counts, values - values.mean())
    return Influence(float(values.mean()), moved, most * (len(counts) / len(values)))


def ways_of_mean(rows: Callable[[Outcomes], Floats]) -> Ways:
    """Return how a mean of figures in [0, 1] is measured, and how each row moves it.

    rows: outcomes → figures (n,), NaN of a row that the metric says nothing of.
    """

    def measure(outcomes: Outcomes, of: Any, confidence: float) -> MetricValue:
        found = rows(outcomes)
        there = found[~np.isnan(found)]
        if not len(there):
            return NOTHING
        # of a known range, 0 to 1, within which an interval holds for every n
        ends = means.mean(there, confidence, 1.0)
        return MetricValue.of(float(there.mean()), ends, len(there), means.method(len(there), confidence))

    def influence(outcomes: Outcomes, of: Any) -> Influence | None:
        found = rows(outcomes)
        known = ~np.isnan(found)
        # figures lie in [0, 1], so one more row is at most 1 away from the others
        return influence_of_mean(found[known], known, most=1.0)

    return measure, influence
