"""Metrics of the family `series`. A row is a forecast of several steps, and counts as one: its errors go together.

Steps whose truth is missing are left out, and so are rows without any. Windows that overlap are no independent rows
either: `data` cuts test windows so that they do not, or says by how much they do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_means import influence_of_mean
from modelwright.core.units import Unit
from modelwright.outcomes.series.outcomes import SeriesOutcomes

Floats = NDArray[np.float64]
Figures = Callable[[SeriesOutcomes], Floats]
"""Returns a figure of each step (n, h); NaN is left out."""


def _absolute(outcomes: SeriesOutcomes) -> Floats:
    found: Floats = np.abs(outcomes.predicted - outcomes.truth)
    return found


def _squared(outcomes: SeriesOutcomes) -> Floats:
    found: Floats = (outcomes.predicted - outcomes.truth) ** 2
    return found


def _scaled(outcomes: SeriesOutcomes) -> Floats:
    """Return absolute errors over that of the naive forecast in training (Hyndman & Koehler 2006, eq. 11)."""
    # (n, h)
    if not outcomes.scale:  # no series came before, or it never changes
        return np.full(outcomes.truth.shape, np.nan)
    return _absolute(outcomes) / outcomes.scale


def _within(outcomes: SeriesOutcomes) -> Floats:
    found: Floats = ((outcomes.low <= outcomes.truth) & (outcomes.truth <= outcomes.high)).astype(np.float64)
    return found


def _pinball(outcomes: SeriesOutcomes) -> Floats:
    """Return twice the mean pinball loss over the levels: (n, h); at 0.5 alone it is the absolute error."""
    levels = np.array(outcomes.levels)
    off = outcomes.truth[:, :, None] - outcomes.quantiles  # (n, h, q)
    # Koenker & Bassett 1978: what lies above costs the level, what lies below the rest
    losses = np.maximum(levels * off, (levels - 1) * off)
    found: Floats = 2 * losses.mean(axis=2)
    return found


def _measured(figures: Figures, most: float | None, *, root: bool = False) -> Callable[..., MetricValue]:
    """Return a measure: the mean over rows of each row's mean; with `root`, its square root."""

    def measure(outcomes: SeriesOutcomes, of: str | None, confidence: float) -> MetricValue:
        rows, _ = outcomes.of_rows(figures(outcomes))
        if not len(rows):
            return NOTHING
        found = float(rows.mean()), *means.mean(rows, confidence, most)
        if root:  # monotone, so that ends map to ends
            value, low, high = (None if one is None else float(np.sqrt(one)) for one in found)
            assert value is not None, "a mean"
            found = value, low, high
        value, low, high = found
        return MetricValue.of(value, (low, high), len(rows), means.method(len(rows), confidence))

    return measure


def _influenced(figures: Figures, *, root: bool = False) -> Callable[..., Influence | None]:
    """Return the influence of each row on that mean (n,): its distance from it, 0 of rows that are left out."""

    def influence(outcomes: SeriesOutcomes, of: str | None) -> Influence | None:
        rows, known = outcomes.of_rows(figures(outcomes))
        # rows that are left out move nothing
        found = influence_of_mean(rows, known)
        if found is None or not root:
            return found
        value = float(np.sqrt(found.value))
        # the derivative of √m is 1/(2√m)
        return Influence(value, found.rows / (2 * value) if value > 0 else np.zeros(len(known)))

    return influence


def _metric(
    name: str,
    unit: Unit,
    summary: str,
    figures: Figures,
    *,
    higher: bool = False,
    most: float | None = None,
    root: bool = False,
) -> Metric:
    """Return a metric of rows whose figures lie from 0 to `most`."""
    return Metric(
        name=name,
        better="higher" if higher else "lower",
        unit=unit,
        phases=frozenset({Phase.TEST}),
        family="series",
        per_class=False,
        interval=_OF_ROWS,
        summary=summary,
        measure=_measured(figures, most, root=root),
        influence=_influenced(figures, root=root),
    )


_OF_ROWS = "that of a mean over rows, each with the mean of its steps (`core.evidence.means`)"

METRICS = (
    _metric(
        "mae",
        Unit.OUTPUT,
        "mean absolute error of the median, over all steps, in the output's own unit",
        _absolute,
    ),
    _metric(
        "rmse",
        Unit.OUTPUT,
        "root of the mean squared error of the median, over all steps, in the output's own unit",
        _squared,
        root=True,
    ),
    _metric(
        "mase",
        Unit.NUMBER,
        "mean absolute error over that of the seasonal naive forecast on the training rows; below 1 is better than it",
        _scaled,
    ),
    _metric(
        "coverage",
        Unit.FRACTION,
        "share of the steps whose truth lies within the interval; right where it is the interval's own share, 80 %",
        _within,
        higher=True,
        most=1.0,
    ),
    _metric(
        "pinball",
        Unit.OUTPUT,
        "twice the mean pinball loss of the quantiles, in the output's own unit: median and interval together",
        _pinball,
    ),
)
