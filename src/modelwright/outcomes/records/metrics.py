"""Metrics of the family `records`: JSON objects that are written.

Conventions. A row that was not written for, or without a truth, is left out of what is compared. An answer that was
cut, or does not parse, is no record: it has no field right. How likely truths are is known of all rows at little cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.metric import Influence, MetricValue
from modelwright.core.evidence.row_means import OF_A_MEAN, ways_of_mean
from modelwright.core.evidence.shares import OF_A_SHARE, Ways, row_metric, ways_of_share
from modelwright.outcomes.records import fields
from modelwright.outcomes.records.outcomes import RecordOutcomes
from modelwright.outcomes.texts import metrics

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
# What is said of any answer that is written, and of its truth.
_SHARED = frozenset({"perplexity", "bits_per_byte", "cut_rate", "win_rate", "judge_win_rate"})


def _compared(score: Callable[[str, str | None], float]) -> Callable[[RecordOutcomes], Floats]:
    """Return what scores the judged rows (n,), NaN elsewhere."""

    def rows(outcomes: RecordOutcomes) -> Floats:
        # (n,): NaN takes a row out of a mean
        found = np.full(len(outcomes), np.nan)
        for row in np.flatnonzero(outcomes.judged).tolist():
            found[row] = score(outcomes.truth[row], outcomes.predicted[row])
        return found

    return rows


def _share_right(truth: str, answer: str | None) -> float:
    right = fields.shares_right(truth, answer)
    # of two empty objects all is right
    return float(np.mean(list(right.values()))) if right else 1.0


def _by_field() -> Ways:
    """Return how the share of right fields is measured: of a row's fields, or of one field over rows that have it."""

    def of(name: str | None) -> Ways:
        if name is None:
            return ways_of_mean(_compared(_share_right))
        # NaN of a row that has the field neither in its truth nor in its answer
        return ways_of_mean(
            _compared(lambda truth, answer: fields.shares_right(truth, answer).get(name, np.nan))
        )

    def measure(outcomes: RecordOutcomes, name: str | None, confidence: float) -> MetricValue:
        return of(name)[0](outcomes, None, confidence)

    def influence(outcomes: RecordOutcomes, name: str | None) -> Influence | None:
        return of(name)[1](outcomes, None)

    return measure, influence


def _exact(outcomes: RecordOutcomes) -> tuple[Mask, Mask]:
    # (n,): records are texts with sorted keys, so that equal objects are equal
    return np.asarray(outcomes.truth == outcomes.predicted, dtype=np.bool_) & outcomes.judged, outcomes.judged


def _whole(outcomes: RecordOutcomes) -> tuple[Mask, Mask]:
    # (n,): a row that was written for and has no record was cut, or does not parse
    there = np.array([one is not None for one in outcomes.predicted.tolist()], dtype=np.bool_)
    return there & outcomes.written, outcomes.written


_metric = partial(row_metric, "records")

METRICS = (
    _metric(
        "field_f1",
        "mean F1 of the values of the record and of the truth, each with its place; items of a list in any order",
        ways_of_mean(_compared(fields.field_f1)),
        OF_A_MEAN,
    ),
    _metric(
        "field_match",
        "mean share of a record's fields that are the truth's; of one field, the share of rows in which it is",
        _by_field(),
        OF_A_MEAN,
        per_class=True,
    ),
    _metric(
        "exact_match",
        "share of records that are the truth in every field",
        ways_of_share(_exact),
        OF_A_SHARE,
    ),
    _metric(
        "valid_rate",
        "share of answers that are a whole record: not cut, and of its schema",
        ways_of_share(_whole),
        OF_A_SHARE,
    ),
    *(replace(one, family="records") for one in metrics.METRICS if one.name in _SHARED),
)
