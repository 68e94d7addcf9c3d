"""Metrics of the family `numbers`. Rows whose truth is missing (NaN) are left out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.units import Unit
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

Floats = NDArray[np.float64]

HALL = "hall"


def _known(outcomes: NumberOutcomes) -> NumberOutcomes:
    return outcomes.take(~np.isnan(outcomes.truth))


def _errors(outcomes: NumberOutcomes) -> Floats:
    # (n,), in the output's own unit; above 0 where the answer is too high
    return outcomes.predicted - outcomes.truth


def _spread_out(outcomes: NumberOutcomes, known: Floats) -> Floats:
    """Return one influence per row, 0 for rows without a truth; `known` holds those of the others."""
    # (n,): n/known times as much a row, since the others weigh nothing
    truth = ~np.isnan(outcomes.truth)
    rows = np.zeros(len(outcomes))
    rows[truth] = known * (len(outcomes) / max(int(truth.sum()), 1))
    return rows


def _rmse(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    squares = _errors(_known(outcomes)) ** 2
    if not len(squares):
        return NOTHING
    # the mean of squares, whose root is monotone, so that ends map to ends
    bounds = intervals.mean(squares, confidence)
    if bounds is not None:
        bounds = math.sqrt(max(bounds[0], 0.0)), math.sqrt(max(bounds[1], 0.0))
    return MetricValue.of(float(np.sqrt(squares.mean())), bounds, len(squares), HALL)


def _rmse_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    squares = _errors(_known(outcomes)) ** 2
    if not len(squares):
        return None
    value = float(np.sqrt(squares.mean()))
    # the derivative of √m is 1/(2√m)
    known = (squares - squares.mean()) / (2 * value) if value > 0 else np.zeros(len(squares))
    return Influence(value, _spread_out(outcomes, known))


def _mae(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    # (known,): absolute errors
    sizes = np.abs(_errors(_known(outcomes)))
    if not len(sizes):
        return NOTHING
    bounds = intervals.mean(sizes, confidence)
    bounds = None if bounds is None else (max(bounds[0], 0.0), bounds[1])
    return MetricValue.of(float(sizes.mean()), bounds, len(sizes), HALL)


def _mae_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    sizes = np.abs(_errors(_known(outcomes)))
    if not len(sizes):
        return None
    # a mean: each row moves it by its distance from it
    return Influence(float(sizes.mean()), _spread_out(outcomes, sizes - sizes.mean()))


def _r2(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    known = _known(outcomes)
    if len(known) < 2 or not np.ptp(known.truth) > 0:
        return NOTHING
    # (known,): squared errors, and squared distances to the mean truth
    squares, apart = _errors(known) ** 2, (known.truth - known.truth.mean()) ** 2
    left = float(squares.mean() / apart.mean())  # 1 - R²
    if left == 0:
        return MetricValue.of(1.0, None, len(known), HALL)
    # ln(1 - R²) is a difference of two logarithms of means, nearly normal where R² itself is not
    bounds = intervals.mean(math.log(left) + squares / squares.mean() - apart / apart.mean(), confidence)
    if bounds is not None:
        # back from the logarithm; ends swap, as R² falls with it
        bounds = 1 - math.exp(min(bounds[1], 700)), 1 - math.exp(min(bounds[0], 700))
    return MetricValue.of(1 - left, bounds, len(known), HALL)


def _r2_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    known = _known(outcomes)
    if len(known) < 2 or not np.ptp(known.truth) > 0:
        return None
    squares, apart = _errors(known) ** 2, (known.truth - known.truth.mean()) ** 2
    left = float(squares.mean() / apart.mean())
    # d(s/a) = (ds - (s/a)·da)/a of the two means, with the sign of 1 - s/a
    return Influence(1 - left, _spread_out(outcomes, (left * apart - squares) / apart.mean()))


_TEST = frozenset({Phase.TEST})
_OF_A_MEAN = "Student's t with the skewness removed (Hall 1992)"

METRICS = (
    Metric(
        name="rmse",
        better="lower",
        unit=Unit.OUTPUT,
        phases=_TEST,
        family="numbers",
        per_class=False,
        interval=_OF_A_MEAN,
        summary="root of the mean squared error, in the output's own unit",
        measure=_rmse,
        influence=_rmse_influence,
    ),
    Metric(
        name="mae",
        better="lower",
        unit=Unit.OUTPUT,
        phases=_TEST,
        family="numbers",
        per_class=False,
        interval=_OF_A_MEAN,
        summary="mean absolute error, in the output's own unit",
        measure=_mae,
        influence=_mae_influence,
    ),
    Metric(
        name="r2",
        better="higher",
        unit=Unit.NUMBER,
        phases=_TEST,
        family="numbers",
        per_class=False,
        interval=_OF_A_MEAN,
        summary="share of the truth's variance that is explained; below 0 where the mean would answer better",
        measure=_r2,
        influence=_r2_influence,
    ),
)
