"""Makes measurements: from outcomes, from samples of time, from counts, from what is exactly known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import clusters, intervals, means
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue, Strata
from modelwright.core.evidence.shares import share_influence, share_of
from modelwright.core.outcomes import Outcomes


def _as_measurement(subject: Subject, phase: Phase, measured: MetricValue, confidence: float) -> Measurement:
    return Measurement(
        subject, phase, measured.value, measured.low, measured.high, measured.n, measured.method, confidence
    )


def measure(
    subject: Subject,
    metric: Metric,
    outcomes: Outcomes,
    confidence: float,
    groups: clusters.Groups | None = None,
) -> Measurement:
    """Return what test rows show of a metric of the outcomes' family.

    A slice that the subject names is applied by the caller (`outcomes.take(mask)`). groups: (n,), which rows belong
    together, where rows of one group are not independent; the interval is then one of groups.

    Where there is nothing to measure on (no rows of the class, one class only for auc) the value is None and
    n is 0; where it is no finite number, the value is None and n counts the rows.
    """
    assert metric.name == subject.metric, f"{subject} measured as {metric.name}"
    assert metric.measure, f"{subject} is not computed from outcomes"
    unknown = subject.of is not None and subject.of not in outcomes.labels
    with np.errstate(all="ignore"):  # what is not finite is seen by its value
        measured = NOTHING if unknown else metric.measure(outcomes, subject.of, confidence)
        if groups is None or measured.value is None:
            return _as_measurement(subject, Phase.TEST, measured, confidence)
        influence = None if metric.influence is None else metric.influence(outcomes, subject.of)
    if influence is None:  # a metric of another distribution: nothing says how its rows move it
        measured, count = replace(measured, low=None, high=None), len(np.unique(groups))
    else:
        measured, count = clusters.widened(measured, metric, influence, groups, confidence)
    return replace(_as_measurement(subject, Phase.TEST, measured, confidence), groups=count)


def measure_difference(
    subject: Subject,
    metric: Metric,
    ours: Outcomes,
    champions: Outcomes,
    confidence: float,
    groups: clusters.Groups | None = None,
) -> Measurement:
    """Return ours minus the champion's on the same rows, for a bar relative to the champion.

    Of shares and means of shares over the same rows (accuracy, recall): the rows that only one gets right, as
    `intervals.sum_of_errors`. Else: the mean of the rows' differences in influence (see `Influence`), with
    skewness removed; two rows more, one for each side, that weigh as much as one wrong row can, keep the
    interval open where both give equal answers (as Agresti & Min 2005, Stat. Med. 24:729, do for pairs).
    """
    assert len(ours) == len(champions), "paired rows"
    assert metric.name == subject.metric, f"{subject} measured as {metric.name}"
    assert metric.influence, f"{subject} is not computed from outcomes"
    if subject.of is not None and subject.of not in ours.labels:
        return _as_measurement(subject, Phase.TEST, NOTHING, confidence)
    with np.errstate(all="ignore"):
        mine, theirs = metric.influence(ours, subject.of), metric.influence(champions, subject.of)
        if mine is None or theirs is None:
            return _as_measurement(subject, Phase.TEST, NOTHING, confidence)
        # the same rows: what is easy or hard for both cancels, row by row
        value = mine.value - theirs.value
        bounds = _paired_bounds(mine, theirs, confidence)
    measured = MetricValue.of(value, bounds, len(ours), "paired")
    if groups is None:
        return _as_measurement(subject, Phase.TEST, measured, confidence)
    moved, sides = mine.rows - theirs.rows, clusters.sides_of(mine)
    effect, count = clusters.design_effect(moved, groups, sides)
    if count < clusters.LEAST_GROUPS:
        measured = replace(measured, low=None, high=None)
    else:
        times = math.sqrt(effect) * intervals.student_quantile(
            confidence, clusters.freedom(moved, groups, sides)
        )
        measured = clusters.stretched_about(measured, times / intervals.normal_quantile(confidence))
    return replace(_as_measurement(subject, Phase.TEST, measured, confidence), groups=count)


def _paired_bounds(mine: Influence, theirs: Influence, confidence: float) -> intervals.Bounds | None:
    if mine.strata and theirs.strata and np.array_equal(mine.strata.group, theirs.strata.group):
        return _won_and_lost(mine.strata, theirs.strata.right, confidence)
    if mine.flip == 0 and np.array_equal(mine.rows, theirs.rows):
        return 0.0, 0.0  # the same answers to the last bit
    value, flip = mine.value - theirs.value, max(mine.flip, theirs.flip)
    if flip == 0 and len(mine.rows) < means.least_rows(confidence):
        return None  # nothing bounds what a row may add (errors of a number): rare large ones may not be seen yet
    rows = np.append(mine.rows - theirs.rows, [flip, -flip] if flip > 0 else [])
    bounds = intervals.mean(rows, confidence)
    return None if bounds is None else (value + bounds[0], value + bounds[1])


def _won_and_lost(mine: Strata, theirs: NDArray[np.bool_], confidence: float) -> intervals.Bounds:
    """Return bounds for the mean over groups of (rows only we get right - rows only they do)/rows."""
    # (n,) masks; a row that both get right, or neither, says nothing of the difference
    counted = mine.group >= 0
    groups, group = np.unique(mine.group[counted], return_inverse=True)
    won, lost = (
        np.bincount(group[only[counted]], minlength=len(groups)).astype(np.float64)
        for only in (mine.right & ~theirs, theirs & ~mine.right)
    )
    rows = np.bincount(group).astype(np.float64)
    # one row more adds 1/(groups · rows of its group) to a mean of shares
    weights = 1 / (len(groups) * rows)
    # A row is not won and lost at once, so that the two counts vary a little against each other. Counts that
    # vary freely (Poisson: many rows, each rarely) vary at least as much in their difference.
    many = np.concatenate([rows, rows]) * 1000
    low, high = intervals.sum_of_errors(
        np.concatenate([won, lost]), many, np.concatenate([weights, -weights]), confidence
    )
    return max(low, -1.0), min(high, 1.0)


def difference(ours: Measurement, champions: Measurement) -> Measurement:
    """Return ours minus the champion's of two measurements that share no rows (latency, size, live traffic).

    The interval combines theirs (MOVER; Zou & Donner 2008, Stat. Med. 27:1693).
    """
    assert ours.subject == champions.subject, "two measurements of one subject"
    n = min(ours.n, champions.n)
    if ours.value is None or champions.value is None:
        return replace(ours, value=None, low=None, high=None, n=n, method="mover")
    value = ours.value - champions.value

    def end(mine: float | None, theirs: float | None, sign: float) -> float | None:
        if mine is None or theirs is None or ours.value is None or champions.value is None:
            return None
        # distances from value to end add like standard errors: the root of the sum of squares
        return value + sign * math.hypot(mine - ours.value, theirs - champions.value)

    low, high = end(ours.low, champions.high, -1), end(ours.high, champions.low, 1)
    return replace(ours, value=value, low=low, high=high, n=n, method="mover")


def from_samples(
    metric: Metric, seconds: NDArray[np.float64], confidence: float, phase: Phase
) -> Measurement:
    """Return a quantile (that of the metric) of sampled times (n,).

    `low` or `high` is None where n is too small for a bound. Samples are taken as independent; a burst that
    slows many requests at once counts as many.
    """
    subject, quantile = Subject(metric.name), metric.quantile
    assert quantile is not None, f"{subject} is no quantile"
    n = len(seconds)
    if n == 0:
        return _as_measurement(subject, phase, NOTHING, confidence)
    ordered = np.sort(seconds)
    if not np.isfinite(ordered[-1]):
        return Measurement(subject, phase, None, None, None, n, "order-statistics", confidence)
    # the sample quantile of type 1: the least sample that at least a share `quantile` does not exceed
    value = float(ordered[max(math.ceil(n * quantile), 1) - 1])
    low, high = (
        None if position is None else float(ordered[position])
        for position in intervals.quantile_positions(n, quantile, confidence)
    )
    return Measurement(subject, phase, value, low, high, n, "order-statistics", confidence)


def share_in_groups(
    subject: Subject, metric: Metric, hits: NDArray[np.bool_], groups: clusters.Groups, confidence: float
) -> Measurement:
    """Return the share of test rows (n,) that are hits, where rows of one group are not independent."""
    everywhere = np.ones(len(hits), np.bool_)
    measured, influence = share_of(hits, None, confidence), share_influence(hits, everywhere)
    measured, count = clusters.widened(measured, metric, influence, groups, confidence)
    return replace(_as_measurement(subject, Phase.TEST, measured, confidence), groups=count)


def from_counts(subject: Subject, failures: int, n: int, confidence: float, phase: Phase) -> Measurement:
    """Return the share of failures among n requests."""
    if n == 0:
        return _as_measurement(subject, phase, NOTHING, confidence)
    low, high = intervals.proportion(failures, n, confidence)
    return Measurement(subject, phase, failures / n, low, high, n, "mid-p", confidence)


def exact(subject: Subject, value: float, phase: Phase, n: int = 1) -> Measurement:
    """Return what is known without doubt, such as a size: low = high = value."""
    measured = MetricValue.of(float(value), (float(value), float(value)), n, "exact")
    return _as_measurement(subject, phase, measured, 1.0)
