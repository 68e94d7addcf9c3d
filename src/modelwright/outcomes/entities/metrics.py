"""Metrics of the family `entities`: spans of a text, each with a label.

Conventions. A span is right where its start, its end and its label are those of a true one (Tjong Kim Sang and De
Meulder 2003). A row whose truth is missing is left out. A true span of a label that training never showed is missed.
Spans of one text are not independent, so that texts are the unit of every interval.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_costs import RowCosts, of_a_mean
from modelwright.core.evidence.row_means import spread_out
from modelwright.core.evidence.shares import OF_A_SHARE, row_metric, share_influence, share_of
from modelwright.outcomes.entities.outcomes import EntityOutcomes

Floats = NDArray[np.float64]
Counted = tuple[Floats, Floats, Floats]  # (rows,) each: spans that are true, answered, right
Lost = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]  # → what is wrong, and of how many


def _counted(outcomes: EntityOutcomes, of: str | None) -> Counted:
    """Return how many spans of each known row are true, answered and right: of one label, or of all."""
    known = outcomes.take(outcomes.known)
    if of is not None:
        # (rows, C) → (rows,)
        place = outcomes.names.index(of)
        columns = (known.true[:, place], known.answered[:, place], known.right[:, place])
    else:
        columns = (known.true.sum(axis=1) + known.unseen, known.answered.sum(axis=1), known.right.sum(axis=1))
    true, answered, right = (one.astype(np.float64) for one in columns)
    return true, answered, right


def _f1(true: Floats, answered: Floats, right: Floats) -> tuple[Floats, Floats]:
    # F1 = 2·right/(true + answered) = 1 - Σ wrong/Σ size
    size = true + answered
    return size - 2 * right, size


def _recall(true: Floats, answered: Floats, right: Floats) -> tuple[Floats, Floats]:
    # 1 - Σ missed/Σ true
    return true - right, true


def _precision(true: Floats, answered: Floats, right: Floats) -> tuple[Floats, Floats]:
    # 1 - Σ false/Σ answered
    return answered - right, answered


def _one_less(
    lost: Lost,
) -> tuple[Callable[..., MetricValue], Callable[..., Influence | None]]:
    """Return how 1 - Σ wrong/Σ size over rows is measured, and how each row moves it.

    A ratio of two means over rows: a row costs wrong/mean size, and moves the ratio r by (wrong - r·size)/mean size.
    """

    def measure(outcomes: EntityOutcomes, of: str | None, confidence: float) -> MetricValue:
        wrong, size = lost(*_counted(outcomes, of))
        if not size.sum() > 0:
            return NOTHING
        mean = float(size.mean())
        ratio = float(wrong.mean()) / mean
        # what a row may cost and none did yet: all that the largest has
        costs = RowCosts(wrong / mean, unseen=np.array([float(size.max()) / mean]))
        found = of_a_mean(costs, (wrong - ratio * size) / mean, confidence)
        # the ends of what is lost change sides
        low = None if found.high is None else max(0.0, 1 - found.high)
        high = None if found.low is None else min(1.0, 1 - found.low)
        return MetricValue.of(1 - ratio, (low, high), int((size > 0).sum()), found.method)

    def influence(outcomes: EntityOutcomes, of: str | None) -> Influence | None:
        wrong, size = lost(*_counted(outcomes, of))
        if not size.sum() > 0:
            return None
        mean = float(size.mean())
        ratio = float(wrong.mean()) / mean
        rows = spread_out(outcomes.known, (ratio * size - wrong) / mean)
        # one more row with one wrong span, of as many rows as count
        return Influence(1 - ratio, rows, len(outcomes) / max(len(wrong), 1) / mean)

    return measure, influence


def _whole(outcomes: EntityOutcomes) -> NDArray[np.bool_]:
    """Return which rows (n,) have exactly their spans."""
    # (n, C) → (n,): as many are right as are true, and as are answered
    right = outcomes.right.sum(axis=1)
    true = outcomes.true.sum(axis=1) + outcomes.unseen
    found: NDArray[np.bool_] = (right == true) & (right == outcomes.answered.sum(axis=1)) & outcomes.known
    return found


def _exact(outcomes: EntityOutcomes, of: str | None, confidence: float) -> MetricValue:
    return share_of(_whole(outcomes), outcomes.known, confidence)


def _exact_influence(outcomes: EntityOutcomes, of: str | None) -> Influence | None:
    return share_influence(_whole(outcomes), outcomes.known)


_OF_A_RATIO = (
    "that of a ratio of two means over texts (compound Poisson by saddlepoint where few are wrong, else a t interval "
    "corrected for skew)"
)


def _metric(name: str, summary: str, lost: Lost) -> Metric:
    return row_metric("entities", name, summary, _one_less(lost), _OF_A_RATIO, per_class=True)


METRICS = (
    _metric(
        "entity_f1",
        "F1 of the spans of a label: right where start, end and label are; without a label: of all spans together",
        _f1,
    ),
    _metric(
        "recall", "share of the true spans of a label that are found; without a label: of all spans", _recall
    ),
    _metric(
        "precision",
        "share of the answered spans of a label that are right; without a label: of all spans",
        _precision,
    ),
    row_metric(
        "entities",
        "exact_match",
        "share of texts whose spans are all right, and none more",
        (_exact, _exact_influence),
        OF_A_SHARE,
    ),
)
