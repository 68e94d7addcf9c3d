"""Metrics of the family `vectors`. A row is one vector; rows whose truth is missing are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_means import influence_of_mean
from modelwright.core.units import Unit
from modelwright.outcomes.vectors.outcomes import VectorOutcomes, cosines

Floats = NDArray[np.float64]


def _cosine(outcomes: VectorOutcomes, of: str | None, confidence: float) -> MetricValue:
    # (n,), NaN where there is no direction → (known,)
    rows = cosines(outcomes)
    there = rows[~np.isnan(rows)]
    if not len(there):
        return NOTHING
    # Half the distance to 1 lies from 0 to 1: a known range, within which an interval holds for every n.
    low, high = means.mean((1.0 - there) / 2, confidence, 1.0)
    ends = None if high is None else 1.0 - 2 * high, None if low is None else 1.0 - 2 * low
    return MetricValue.of(float(there.mean()), ends, len(there), means.method(len(there), confidence))


def _cosine_influence(outcomes: VectorOutcomes, of: str | None) -> Influence | None:
    rows = cosines(outcomes)
    # a truth that is missing, or of length 0, has no direction
    known = ~np.isnan(rows)
    return influence_of_mean(rows[known], known)


def _squares(outcomes: VectorOutcomes) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the mean squared error over the dimensions of each row (n,), and which rows have a truth."""
    # (n, d) → (n,): a row counts as one, however many dimensions it has
    return ((outcomes.predicted - outcomes.truth) ** 2).mean(axis=1), outcomes.known


def _rmse(outcomes: VectorOutcomes, of: str | None, confidence: float) -> MetricValue:
    squares, known = _squares(outcomes)
    squares = squares[known]
    if not len(squares):
        return NOTHING
    low, high = means.mean(squares, confidence, None)
    # the root is monotone, so that ends map to ends
    ends = None if low is None else float(np.sqrt(low)), None if high is None else float(np.sqrt(high))
    value = float(np.sqrt(squares.mean()))
    return MetricValue.of(value, ends, len(squares), means.method(len(squares), confidence))


def _rmse_influence(outcomes: VectorOutcomes, of: str | None) -> Influence | None:
    squares, known = _squares(outcomes)
    found = influence_of_mean(squares[known], known)
    if found is None:
        return None
    value = float(np.sqrt(found.value))
    # the derivative of √m is 1/(2√m)
    return Influence(value, found.rows / (2 * value) if value > 0 else np.zeros(len(found.rows)))


METRICS = (
    Metric(
        name="cosine",
        better="higher",
        unit=Unit.NUMBER,
        phases=frozenset({Phase.TEST}),
        family="vectors",
        per_class=False,
        interval="that of a mean within a known range, -1 to 1 (`core.evidence.means`)",
        summary="mean cosine of the angle between truth and answer, -1 to 1; truths of length 0 are left out",
        measure=_cosine,
        influence=_cosine_influence,
    ),
    Metric(
        name="rmse",
        better="lower",
        unit=Unit.OUTPUT,
        phases=frozenset({Phase.TEST}),
        family="vectors",
        per_class=False,
        interval="that of a mean over rows, each with the mean of its dimensions (`core.evidence.means`)",
        summary="root of the mean squared error over all dimensions, in the output's own unit",
        measure=_rmse,
        influence=_rmse_influence,
    ),
)
