"""Intervals where rows come in groups (a patient's pictures, a speaker's words), so that they are not independent.

A group of rows that are alike tells little more than one row. How much less n rows tell is their *design effect*
(Kish 1965, Survey Sampling): the variance of a value when its groups are drawn, over that when its rows are. The rows'
influences (see `Influence`), summed by group, show it, with as many degrees of freedom as there are groups.

Where few groups carry the spread, or none (a flawless sample), the design effect that is seen is no estimate. So it is
drawn toward the most that there can be, that of groups whose rows are all alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals, means
from modelwright.core.evidence.metric import Influence, Metric, MetricValue, Strata
from modelwright.core.evidence.shares import SADDLEPOINT
from modelwright.core.units import Unit

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

LEAST_GROUPS = 4  # fewer give no interval
SCORE = "score"  # the method of areas under curves
_AS_NORMAL = (
    1e8  # rows: the ends of a share of more are those of a normal one to 1e-8; rounding alone is worth 1e33
)
PRIOR = 1.0  # groups that the most that there can be is worth, beside those that carry the spread


def widened(
    measured: MetricValue, metric: Metric, influence: Influence | None, groups: Groups, confidence: float
) -> tuple[MetricValue, int]:
    """Return a measured value with the interval that its groups (n,) leave, and how many groups it rests on.

    A share, or a mean of shares, keeps its own form, with the rows that its groups are worth (Korn & Graubard 1998,
    Survey Methodology 24:193). Of a mean of errors, few groups leave the end open that rare large errors could break,
    as few rows do. Other intervals are stretched by the root of the design effect.
    """
    if measured.value is None or influence is None:
        return measured, 0
    counted = np.ones(len(groups), np.bool_) if influence.strata is None else influence.strata.group >= 0
    sides = sides_of(influence)
    of_side = None if sides is None else sides[counted]
    effect, count = design_effect(influence.rows[counted], groups[counted], of_side)
    if count < LEAST_GROUPS:
        return replace(measured, low=None, high=None), count
    degrees = freedom(influence.rows[counted], groups[counted], of_side)
    wider = _wider(influence.rows[counted], degrees, confidence)
    if measured.method == "mid-p" and metric.as_share is not None:
        worth = measured.n / (effect * wider**2)
        low, high = _of_share(measured.value, worth, metric.as_share, confidence)
        return replace(measured, low=min(low, measured.value), high=max(high, measured.value)), count
    if measured.method == SADDLEPOINT and influence.strata is not None:
        low, high = _of_shares(influence.strata, effect * wider**2, confidence)
        return replace(measured, low=min(low, measured.value), high=max(high, measured.value)), count
    found = stretched(measured, math.sqrt(effect) * wider, metric)
    lopsided = measured.method in {SADDLEPOINT, SCORE}
    if lopsided and found.low is not None and found.high is not None:
        # F1 and auc are no means of shares of rows; a share whose rows spread it as much is as lopsided as they
        alike = _of_alike(measured.value, influence.rows, effect * wider**2, confidence)
        found = replace(found, low=min(found.low, alike[0]), high=max(found.high, alike[1]))
    if measured.method == means.TILTING and count < means.least_rows(confidence):
        lower = metric.better == "lower"
        found = replace(found, high=None) if lower else replace(found, low=None)
    return found, count


def share_bounds(hits: NDArray[np.bool_], groups: Groups, confidence: float) -> intervals.Bounds:
    """Return the interval of a share of rows (n,), as `widened` gives it; all that there can be with few groups."""
    share = float(hits.mean())
    influence: Floats = hits.astype(np.float64) - share
    effect, count = design_effect(influence, groups)
    if count < LEAST_GROUPS:
        return 0.0, 1.0
    worth = len(hits) / (effect * _wider(influence, count - 1, confidence) ** 2)
    low, high = intervals.proportion(share * worth, worth, confidence)
    return min(low, share), max(high, share)


def _wider(influence: Floats, degrees: float, confidence: float) -> float:
    """Return by how much Student's quantile for so many degrees of freedom is larger than the normal one."""
    if not influence.any():
        return 1.0  # of a flawless sample no spread was estimated: it is worth as many rows as it has groups
    return intervals.student_quantile(confidence, degrees) / intervals.normal_quantile(confidence)


def sides_of(influence: Influence) -> Groups | None:
    """Return the sides (n,) of rows whose influences add up to 0 side by side: the groups of a mean of shares, too."""
    return influence.sides if influence.strata is None else influence.strata.group


def _of_sides(influence: Floats, group: Groups, sides: Groups) -> tuple[Floats, Floats, Floats]:
    """Return the sums of groups (groups,), and of each side its spread and its groups (sides,).

    Each side has a mean of its own, so that its c groups show (c - 1)/c of its spread (Bell & McCaffrey 2002, Survey
    Methodology 28:169): that is made good. One group alone shows nothing, and is taken for two.
    """
    _, side = np.unique(sides, return_inverse=True)
    width, count = int(side.max()) + 1, int(group.max()) + 1
    cell = group * width + side
    sums = np.bincount(cell, weights=influence, minlength=count * width).reshape(count, width)
    there = np.bincount(cell, minlength=count * width).reshape(count, width) > 0
    of = np.maximum(there.sum(axis=0), 2).astype(np.float64)  # groups of each side
    sums = sums * np.sqrt(of / (of - 1))
    return sums.sum(axis=1), (sums**2).sum(axis=0), of


def freedom(influence: Floats, groups: Groups, sides: Groups | None) -> float:
    """Return the degrees of freedom of the groups' spread: of several sides those of Welch and Satterthwaite."""
    _, group = np.unique(groups, return_inverse=True)
    most = float(group.max()) if len(group) else 1.0
    if sides is None:
        return most
    _, spread, of = _of_sides(influence, group, sides)
    parts = float((spread**2 / (of - 1)).sum())
    return min(most, max(float(spread.sum()) ** 2 / parts, 1.0)) if parts > 0 else most


def design_effect(influence: Floats, groups: Groups, sides: Groups | None = None) -> tuple[float, int]:
    """Return the design effect of rows (n,), at least 1, and the number of their groups.

    sides: (n,), of a value that compares rows of several sides (`Influence`).
    """
    n = len(groups)
    if n == 0:
        return 1.0, 0
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count = len(sizes)
    most = float((sizes.astype(np.float64) ** 2).sum()) / n  # where all rows of a group are alike
    if sides is None or count < 2:
        summed = np.bincount(group, weights=influence, minlength=count).astype(np.float64)  # (groups,)
        sums = summed * math.sqrt(count / max(count - 1, 1))
    else:
        sums, _, _ = _of_sides(influence, group, sides)
    of_rows, of_groups = float(influence @ influence), float(sums @ sums)
    if count < 2 or not of_rows > 0 or not of_groups > 0:
        return max(most, 1.0), count
    seen = max(of_groups / of_rows, 1.0)
    # (Σs²)²/Σs⁴: how many groups carry the spread, twice that of equal ones for what normal ones show as a third
    carry = 2 * of_groups**2 / float((sums**4).sum())
    weight = PRIOR * 2 / (PRIOR * 2 + carry)
    return max(seen, (1 - weight) * seen + weight * most), count


def stretched_about(measured: MetricValue, times: float) -> MetricValue:
    """Return an interval so many times as wide about its value."""
    value = measured.value
    if value is None:
        return measured
    low = None if measured.low is None else value - (value - measured.low) * times
    high = None if measured.high is None else value + (measured.high - value) * times
    return replace(measured, low=low, high=high)


def stretched(measured: MetricValue, times: float, metric: Metric) -> MetricValue:
    """Return an interval so many times as wide about its value, within what the metric can be."""
    wide = stretched_about(measured, times)
    low, high = wide.low, wide.high
    if low is not None and (metric.unit is Unit.FRACTION or metric.better == "lower"):
        low = max(low, 0.0)
    if high is not None and metric.unit is Unit.FRACTION:
        high = min(high, 1.0)
    return replace(measured, low=low, high=high)


def _of_shares(strata: Strata, times: float, confidence: float) -> intervals.Bounds:
    """Return the ends of a mean of shares, each of so many times fewer rows, which need be no whole numbers."""
    counted = strata.group >= 0
    _, of = np.unique(strata.group[counted], return_inverse=True)
    rows = np.bincount(of) / times  # (strata,)
    errors = np.bincount(of, weights=~strata.right[counted]) / times
    # one error in a stratum takes 1/(strata · rows) off the mean
    low, high = intervals.sum_of_errors(errors, rows, 1 / (len(rows) * rows), confidence)
    return max(0.0, 1 - high), min(1.0, 1 - low)


def _of_alike(value: float, influence: Floats, times: float, confidence: float) -> intervals.Bounds:
    """Return the ends of a share of this value whose variance is so many times that of rows' influences (n,)."""
    variance = float(influence @ influence) / len(influence) ** 2 * times
    if not variance > 0:
        return value, value
    worth = value * (1 - value) / variance  # v(1 - v)/rows is the variance of a share
    if worth > _AS_NORMAL:
        half = intervals.normal_quantile(confidence) * math.sqrt(variance)
        return max(0.0, value - half), min(1.0, value + half)
    return intervals.proportion(value * worth, worth, confidence)


def _of_share(
    value: float, worth: float, as_share: Callable[[float], float], confidence: float
) -> intervals.Bounds:
    """Return the ends of a value that rises with a share of so many rows, which need be no whole number."""
    low, high = intervals.proportion(as_share(value) * worth, worth, confidence)

    def back(share: float) -> float:
        if share <= 0 or share >= 1:
            return 0.0 if share <= 0 else 1.0
        return intervals.find_root(lambda one: as_share(one) - share, 0.0, 1.0)

    return back(low), back(high)
