"""Shares of rows, and means of shares over labels: what accuracy, recall and F1 have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue, Strata, share
from modelwright.core.units import Unit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

Outcomes = TypeVar("Outcomes")
Ways = tuple[Callable[..., MetricValue], Callable[..., Influence | None]]
"""How a metric is measured, and how each row moves it, as `Metric` takes both."""

OF_A_SHARE = "mid-P (exact; each end misses with probability at most 1 - confidence)"
MID_P = "mid-p"
SADDLEPOINT = "saddlepoint"


def share_of(right: Mask, among: Mask | None, confidence: float) -> MetricValue:
    """Return the share of right rows (n,), among some of the rows (a mask (n,), None: all)."""
    # k of n rows are right; each row is one trial, so k is binomial
    n = len(right) if among is None else int(among.sum())
    k = int(right.sum() if among is None else (right & among).sum())
    if n == 0:
        return NOTHING
    return MetricValue.of(k / n, intervals.proportion(k, n, confidence), n, MID_P)


def share_influence(right: Mask, among: Mask) -> Influence | None:
    """Return how much each row moves the share of right rows among some, None without any.

    A share is a ratio of two means, k/n over m/n; its influence is 1[row counts] (right - share) n/m.
    """
    n, rows = len(right), int(among.sum())
    if rows == 0:
        return None
    value = float((right & among).sum()) / rows
    strata = Strata(right, np.where(among, 0, -1))
    return Influence(value, among * (right - value) * (n / rows), n / rows, strata)


def ways_of_share(among: Callable[[Outcomes], tuple[Mask, Mask]]) -> Ways:
    """Return how a share of rows is measured, and how each row moves it; among: which rows are hits, and of which."""

    def measure(outcomes: Outcomes, of: Any, confidence: float) -> MetricValue:
        return share_of(*among(outcomes), confidence)

    def influence(outcomes: Outcomes, of: Any) -> Influence | None:
        return share_influence(*among(outcomes))

    return measure, influence


def row_metric(
    family: str,
    name: str,
    summary: str,
    ways: Ways,
    interval: str,
    *,
    better: Literal["higher", "lower"] = "higher",
    unit: Unit = Unit.FRACTION,
    per_class: bool = False,
    optional_only: bool = False,
) -> Metric:
    """Return a metric of test rows; interval: OF_A_SHARE, or how else it is made."""
    measure, influence = ways
    return Metric(
        name=name,
        better=better,
        unit=unit,
        phases=frozenset({Phase.TEST}),
        family=family,
        per_class=per_class,
        interval=interval,
        summary=summary,
        measure=measure,
        influence=influence,
        # what n rows can prove is known of a share before it is measured
        as_share=share if interval == OF_A_SHARE else None,
        optional_only=optional_only,
    )


def f1_of(truth: Mask, answered: Mask, confidence: float) -> MetricValue:
    """Return the F1 of one label; truth, answered: (n,) masks of the rows that are of it and that name it.

    Of the rows that are of the label or are answered with it, a share F* is both, and F1 = 2 F*/(1 + F*)
    rises with it (Hand, Christen & Kirielle 2021, Machine Learning 110:451), so that the ends of F*'s exact
    interval give those of F1's.
    """
    star = share_of(truth & answered, truth | answered, confidence)
    if star.value is None or star.low is None or star.high is None or not truth.any():
        return NOTHING
    value, low, high = (2 * share / (1 + share) for share in (star.value, star.low, star.high))
    return MetricValue.of(value, (low, high), star.n, MID_P)


def f1_influence(truth: Mask, answered: Mask) -> Influence | None:
    """Return how much each row moves the F1 of one label: (2·both - F1·(truth + answered)) n/S.

    S counts rows of the label and answers that name it, so that F1 = 2·both/S is a ratio of two means.
    """
    total = int(truth.sum() + answered.sum())
    if not truth.any():
        return None
    value = 2 * float((truth & answered).sum()) / total
    # (n,): each row's both, less F1 times what it adds to S; they sum to 0
    rows = (2.0 * (truth & answered) - value * (truth.astype(float) + answered)) * (len(truth) / total)
    return Influence(value, rows, (2 - value) * len(truth) / total)


def average(
    errors: Floats, rows: Floats, weights: Floats, lost: float, n: int, confidence: float
) -> MetricValue:
    """Return 1 - lost - Σ weights · errors with its interval; errors, rows, weights: (strata,)."""
    # (strata,) · (strata,): what the errors take off
    value = 1 - lost - float(weights @ errors)
    low, high = intervals.sum_of_errors(errors, rows, weights, confidence)
    return MetricValue.of(value, (max(0.0, 1 - lost - high), min(1.0, 1 - lost - low)), n, SADDLEPOINT)


def mean_influence(parts: list[Influence | None]) -> Influence | None:
    """Return the influence on the mean of several values, of those that there are."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Influence(
        sum(part.value for part in known) / len(known),
        np.mean([part.rows for part in known], axis=0),
        # one more wrong row moves one of the values, a mean by its share
        max(part.flip for part in known) / len(known),
    )
