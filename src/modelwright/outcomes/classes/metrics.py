"""Metrics of the family `classes`: one true class of a closed set, and one answer or none.

Conventions. An abstention is not a right answer: it counts as an error in accuracy, recall and F1 (else a
function could abstain its way through a gate), and `coverage` tells how often it happens. It is no answer
either: precision, selective_accuracy and calibration_error leave it out. A row whose truth is none of the
classes counts as an error wherever it is counted; it belongs to no class, so no recall sees it. An average over
classes takes the classes that have rows; one that has rows and is never predicted has precision 0 there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import (
    NOTHING,
    Influence,
    Metric,
    MetricValue,
    Strata,
    share,
    share_of_f1,
)
from modelwright.core.evidence.shares import (
    OF_A_SHARE,
    average,
    f1_influence,
    f1_of,
    mean_influence,
    share_influence,
    share_of,
)
from modelwright.core.units import Unit
from modelwright.outcomes.classes.average_precision import AVERAGE_PRECISION
from modelwright.outcomes.classes.calibration import CALIBRATION_ERROR, LOG_LOSS
from modelwright.outcomes.classes.class_table import ClassTable, all_rows, one_class, right_rows
from modelwright.outcomes.classes.error_cost import COST
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.classes.roc import AUC

# -- accuracy, coverage ----------------------------------------------------------------------------------


def _accuracy(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    return share_of(right_rows(outcomes), None, confidence)


def _accuracy_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    return share_influence(right_rows(outcomes), all_rows(outcomes))


def _coverage(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    return share_of(outcomes.predicted >= 0, None, confidence)


def _coverage_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    return share_influence(outcomes.predicted >= 0, all_rows(outcomes))


def _selective_accuracy(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    return share_of(right_rows(outcomes), outcomes.predicted >= 0, confidence)


def _selective_accuracy_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    return share_influence(right_rows(outcomes), outcomes.predicted >= 0)


# -- recall and precision --------------------------------------------------------------------------------


def _recall(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    one = one_class(outcomes, of)
    if one is None:
        return _balanced_accuracy(outcomes, None, confidence)
    return share_of(right_rows(outcomes), outcomes.truth == one, confidence)


def _recall_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    one = one_class(outcomes, of)
    if one is None:
        return _balanced_accuracy_influence(outcomes, None)
    return share_influence(right_rows(outcomes), outcomes.truth == one)


def _balanced_accuracy(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    table = ClassTable.of(outcomes)
    seen = table.truth > 0
    rows = table.truth[seen]
    if not len(rows):
        return NOTHING
    # (classes,): one error of a class with n rows costs 1/(classes · n) of the mean recall
    weights = 1 / (len(rows) * rows)
    return average(rows - table.right[seen], rows, weights, 0.0, int(rows.sum()), confidence)


def _balanced_accuracy_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    mean = mean_influence(
        [
            share_influence(right_rows(outcomes), outcomes.truth == one)
            for one in np.unique(outcomes.truth[outcomes.truth >= 0])
        ]
    )
    return mean and replace(mean, strata=Strata(right_rows(outcomes), outcomes.truth))


def _precision(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    one = one_class(outcomes, of)
    if one is not None:
        return share_of(right_rows(outcomes), outcomes.predicted == one, confidence)
    table = ClassTable.of(outcomes)
    seen = table.truth > 0
    named = seen & (table.predicted > 0)
    if not named.any():  # without one answer there is no precision
        return NOTHING
    answers = table.predicted[named]
    # classes that are never answered have precision 0: a fixed loss
    lost = 1 - named.sum() / seen.sum()
    # (named,): of a class with a answers, one wrong answer costs 1/(classes · a) of the mean precision
    weights = 1 / (seen.sum() * answers)
    return average(answers - table.right[named], answers, weights, lost, int(answers.sum()), confidence)


def _precision_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    one = one_class(outcomes, of)
    if one is not None:
        return share_influence(right_rows(outcomes), outcomes.predicted == one)
    parts = [
        share_influence(right_rows(outcomes), outcomes.predicted == one)
        for one in np.unique(outcomes.truth[outcomes.truth >= 0])
    ]
    if not any(parts):
        return None
    # a class with rows that is never answered: precision 0, which no single row moves
    never = Influence(0.0, np.zeros(len(outcomes)))
    return mean_influence([part or never for part in parts])


# -- F1 --------------------------------------------------------------------------------------------------


def _f1(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    one = one_class(outcomes, of)
    if one is None:
        return _macro_f1(outcomes, confidence)
    return f1_of(outcomes.truth == one, outcomes.predicted == one, confidence)


def _macro_f1(outcomes: ClassOutcomes, confidence: float) -> MetricValue:
    """Return the mean F1, as 1 - Σ of what each wrong row costs its true and its answered class.

    With S = rows of the class + answers that name it, 1 - F1 = (missed + false)/S, so a row of class t
    that is answered y costs 1/S_t + 1/S_y (over the number of classes). Strata are the true classes, with
    their mean cost.
    """
    table = ClassTable.of(outcomes)
    seen = table.truth > 0
    if not seen.any():
        return NOTHING
    # (classes,): 1/(C·S_c), 0 for classes without rows
    cost = np.where(seen, 1 / (seen.sum() * np.maximum(table.truth + table.predicted, 1)), 0.0)
    # (n,): what a row costs the class that it is answered with; nothing where the function abstained
    answered = np.where(outcomes.predicted >= 0, cost[outcomes.predicted], 0.0)
    wrong = ~right_rows(outcomes)
    known = wrong & (outcomes.truth >= 0)
    size = len(outcomes.classes)
    # (classes,): what the wrong rows of each class cost the classes that they were answered with
    spent = np.bincount(outcomes.truth[known], weights=answered[known], minlength=size)
    errors = table.truth - table.right
    # of a class without errors yet: what an answer costs on average
    typical = float(table.predicted @ cost) / max(float(table.predicted.sum()), 1.0)
    weights = cost + np.where(errors > 0, spent / np.maximum(errors, 1), typical)
    lost = float(answered[outcomes.truth < 0].sum())
    n = int(table.truth.sum())
    return average(errors[seen], table.truth[seen], weights[seen], lost, n, confidence)


def _f1_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    one = one_class(outcomes, of)
    if one is not None:
        return f1_influence(outcomes.truth == one, outcomes.predicted == one)
    shown = np.unique(outcomes.truth[outcomes.truth >= 0])  # classes that have rows
    mean = mean_influence([f1_influence(outcomes.truth == one, outcomes.predicted == one) for one in shown])
    # one wrong row costs two classes
    return None if mean is None else Influence(mean.value, mean.rows, 2 * mean.flip)


# -- the list --------------------------------------------------------------------------------------------

_TEST = frozenset({Phase.TEST})
_OF_AN_AVERAGE = (
    "mid-P of a class; of the average: saddlepoint tails under the most likely rates of the classes"
)


def _fraction(
    name: str,
    summary: str,
    measure: Callable[[ClassOutcomes, str | None, float], MetricValue],
    influence: Callable[[ClassOutcomes, str | None], Influence | None],
    *,
    per_class: bool = False,
    interval: str = _OF_AN_AVERAGE,
    as_share: Callable[[float], float] | None = share,
    optional_only: bool = False,
) -> Metric:
    """Return the declaration of a share of rows, or of a mean of such shares: more is better."""
    return Metric(
        name=name,
        better="higher",
        unit=Unit.FRACTION,
        phases=_TEST,
        family="classes",
        per_class=per_class,
        interval=interval,
        summary=summary,
        measure=measure,
        influence=influence,
        as_share=as_share,
        optional_only=optional_only,
    )


METRICS = (
    COST,  # first: where it is declared, it stands for all
    _fraction(
        "accuracy",
        "share of rows answered rightly; an abstention is no right answer",
        _accuracy,
        _accuracy_influence,
        interval=OF_A_SHARE,
    ),
    _fraction(
        "balanced_accuracy",
        "mean of the classes' recalls",
        _balanced_accuracy,
        _balanced_accuracy_influence,
        as_share=None,
    ),
    _fraction(
        "recall",
        "share of a class's rows that are answered with it; without a class: the mean",
        _recall,
        _recall_influence,
        per_class=True,
    ),
    _fraction(
        "precision",
        "share of a class's answers that are right; without a class: the mean",
        _precision,
        _precision_influence,
        per_class=True,
    ),
    _fraction(
        "f1",
        "harmonic mean of a class's precision and recall; without a class: the mean",
        _f1,
        _f1_influence,
        per_class=True,
        as_share=share_of_f1,
    ),
    _fraction(
        "coverage",
        "share of rows that are answered at all, where the output may abstain",
        _coverage,
        _coverage_influence,
        interval=OF_A_SHARE,
        optional_only=True,
    ),
    _fraction(
        "selective_accuracy",
        "share of the answered rows that are answered rightly, where the output may abstain",
        _selective_accuracy,
        _selective_accuracy_influence,
        interval=OF_A_SHARE,
        optional_only=True,
    ),
    AUC,
    AVERAGE_PRECISION,
    LOG_LOSS,
    CALIBRATION_ERROR,
)
