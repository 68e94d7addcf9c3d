"""Metrics of the family `numbers`. Rows whose truth is missing (NaN) are left out.

Errors are bounded by nothing but a declared range, so that their intervals are those of `core.evidence.means`: with few
rows, or errors that few rows carry, an end is left open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_means import influence_of_mean, spread_out
from modelwright.core.units import Unit
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Measured = Callable[[NumberOutcomes, str | None, float], MetricValue]
Influenced = Callable[[NumberOutcomes, str | None], Influence | None]


def _truths(outcomes: NumberOutcomes) -> Mask:
    """Return which rows (n,) have a truth."""
    found: Mask = ~np.isnan(outcomes.truth)
    return found


def _errors(outcomes: NumberOutcomes, rows: Mask) -> Floats:
    # (rows,), in the output's own unit; above 0 where the answer is too high
    return (outcomes.predicted - outcomes.truth)[rows]


def _of_a_mean(values: Floats, confidence: float, most: float | None) -> MetricValue:
    """Return the mean of errors (known,), none below 0, nor above `most`."""
    if not len(values):
        return NOTHING
    ends = means.mean(values, confidence, most)
    return MetricValue.of(float(values.mean()), ends, len(values), means.method(len(values), confidence))


def _rmse(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    squares = _errors(outcomes, _truths(outcomes)) ** 2
    largest = outcomes.largest_error
    found = _of_a_mean(squares, confidence, None if largest is None else largest**2)
    if found.value is None:
        return found
    # the mean of squares, whose root is monotone, so that ends map to ends
    value, low, high = (
        None if one is None else float(np.sqrt(one)) for one in (found.value, found.low, found.high)
    )
    return MetricValue(value, low, high, found.n, found.method)


def _rmse_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    rows = _truths(outcomes)
    squares = _errors(outcomes, rows) ** 2
    if not len(squares):
        return None
    value = float(np.sqrt(squares.mean()))
    # the derivative of √m is 1/(2√m)
    known = (squares - squares.mean()) / (2 * value) if value > 0 else np.zeros(len(squares))
    return Influence(value, spread_out(rows, known))


def _mae(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    return _of_a_mean(np.abs(_errors(outcomes, _truths(outcomes))), confidence, outcomes.largest_error)


def _mae_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    # a mean over the rows (n,) that have a truth
    rows = _truths(outcomes)
    return influence_of_mean(np.abs(_errors(outcomes, rows)), rows)


def _relative(outcomes: NumberOutcomes) -> tuple[Floats, Mask]:
    """Return the errors over the truths' sizes, and which rows (n,) have one: those whose truth is not 0."""
    rows = _truths(outcomes) & (outcomes.truth != 0)
    return np.abs(_errors(outcomes, rows) / outcomes.truth[rows]), rows


def _mape(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    values, _ = _relative(outcomes)
    return _of_a_mean(values, confidence, None)  # a truth near 0 makes any error large


def _mape_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    return influence_of_mean(*_relative(outcomes))


def _r2(outcomes: NumberOutcomes, of: str | None, confidence: float) -> MetricValue:
    rows = _truths(outcomes)
    truth = outcomes.truth[rows]
    if len(truth) < 2 or not np.ptp(truth) > 0:
        return NOTHING
    # (known,): squared errors, and squared distances to the mean truth
    squares, apart = _errors(outcomes, rows) ** 2, (truth - truth.mean()) ** 2
    left = float(squares.mean() / apart.mean())  # 1 - R²
    largest = outcomes.largest_error
    low, high = means.ratio(squares, apart, confidence, None if largest is None else largest**2)
    # ends swap, as R² falls with what is left
    ends = None if high is None else 1 - high, None if low is None else 1 - low
    return MetricValue.of(1 - left, ends, len(truth), means.method(len(truth), confidence))


def _r2_influence(outcomes: NumberOutcomes, of: str | None) -> Influence | None:
    rows = _truths(outcomes)
    truth = outcomes.truth[rows]
    if len(truth) < 2 or not np.ptp(truth) > 0:
        return None
    squares, apart = _errors(outcomes, rows) ** 2, (truth - truth.mean()) ** 2
    left = float(squares.mean() / apart.mean())
    # d(s/a) = (ds - (s/a)·da)/a of the two means, with the sign of 1 - s/a
    return Influence(1 - left, spread_out(rows, (left * apart - squares) / apart.mean()))


def _error(
    name: str,
    unit: Unit,
    summary: str,
    measure: Measured,
    influence: Influenced,
    *,
    best_at: Literal["mean", "median"],
    ranged: bool = True,
) -> Metric:
    """Return a metric of errors: the lower, the better."""
    return Metric(
        name=name,
        better="lower",
        unit=unit,
        phases=frozenset({Phase.TEST}),
        family="numbers",
        per_class=False,
        interval=_OF_A_MEAN,
        summary=summary,
        measure=measure,
        influence=influence,
        ranged=ranged,
        best_at=best_at,
    )


_OF_A_MEAN = (
    "nonparametric tilting with a forecast of the tail; of few rows, or within a declared range: betting "
    "(Waudby-Smith & Ramdas 2024); an end that would not hold is left open"
)

METRICS = (
    _error(
        "rmse",
        Unit.OUTPUT,
        "root of the mean squared error, in the output's own unit",
        _rmse,
        _rmse_influence,
        best_at="mean",
    ),
    _error(
        "mae",
        Unit.OUTPUT,
        "mean absolute error, in the output's own unit",
        _mae,
        _mae_influence,
        best_at="median",
    ),
    _error(
        "mape",
        Unit.NUMBER,
        "mean of the errors' sizes over the truths' sizes; rows whose truth is 0 are left out",
        _mape,
        _mape_influence,
        best_at="median",
        ranged=False,
    ),
    Metric(
        name="r2",
        better="higher",
        unit=Unit.NUMBER,
        phases=frozenset({Phase.TEST}),
        family="numbers",
        per_class=False,
        interval=_OF_A_MEAN,
        summary="share of the truth's variance that is explained; below 0 where the mean would answer better",
        measure=_r2,
        influence=_r2_influence,
        ranged=True,
        best_at="mean",
    ),
)
