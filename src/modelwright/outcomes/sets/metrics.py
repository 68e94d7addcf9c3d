"""Metrics of the family `sets`: any number of true tags, and any number answered.

Conventions. A row whose truth is missing is left out. A true tag that training never showed is missed: it counts
in subset_accuracy, hamming_loss and f1_micro; it has no column, so no average over tags sees it. An average over
tags takes the tags that have rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import (
    NOTHING,
    Influence,
    Metric,
    MetricValue,
    share,
    share_of_f1,
)
from modelwright.core.evidence.row_costs import RowCosts, of_a_mean
from modelwright.core.evidence.row_means import spread_out
from modelwright.core.evidence.shares import (
    OF_A_SHARE,
    f1_influence,
    f1_of,
    mean_influence,
    share_influence,
    share_of,
)
from modelwright.core.units import Unit
from modelwright.outcomes.sets.outcomes import SetOutcomes

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def _right(outcomes: SetOutcomes) -> Mask:
    """Return which rows (n,) are answered with exactly their set."""
    found: Mask = (outcomes.truth == outcomes.predicted).all(axis=1) & (outcomes.unseen == 0)
    return found


def _tag(outcomes: SetOutcomes, of: str) -> tuple[Mask, Mask]:
    """Return the rows (n,) that are of a tag and those that are answered with it."""
    place = outcomes.tags.index(of)
    return outcomes.truth[:, place] == 1, (outcomes.predicted[:, place] == 1) & outcomes.known


def _wrong(outcomes: SetOutcomes) -> tuple[Floats, Floats]:
    """Return of each row (n,) how many tags are missed or answered wrongly, and how many are true or answered."""
    known = outcomes.take(outcomes.known)
    # (rows, K) → (rows,): tags missed or answered wrongly, those training never showed among the missed
    wrong = (known.truth != known.predicted).sum(axis=1) + known.unseen
    size = known.truth.sum(axis=1, dtype=np.int64) + known.predicted.sum(axis=1) + known.unseen
    return wrong.astype(np.float64), size.astype(np.float64)


# -- the set as a whole ----------------------------------------------------------------------------------


def _subset_accuracy(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    return share_of(_right(outcomes), outcomes.known, confidence)


def _subset_accuracy_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    return share_influence(_right(outcomes), outcomes.known)


def _hamming_loss(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    """Return the mean share of wrong memberships: a row with w of K memberships wrong costs w/K."""
    wrong, _ = _wrong(outcomes)
    if not len(wrong):
        return NOTHING
    size = max(len(outcomes.tags), 1)
    costs = np.minimum(wrong / size, 1.0)  # tags that training never showed may add to more than K
    # What a row may cost and none did yet: as much as one of the largest sets, missed.
    largest = max(float(outcomes.truth.sum(axis=1, dtype=np.int64).max()), 1.0)
    return of_a_mean(RowCosts(costs, unseen=np.array([largest / size])), costs - costs.mean(), confidence)


def _hamming_loss_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    wrong, _ = _wrong(outcomes)
    if not len(wrong):
        return None
    costs = np.minimum(wrong / max(len(outcomes.tags), 1), 1.0)
    value = float(costs.mean())
    return Influence(
        value, spread_out(outcomes.known, costs - value), _flip(outcomes, 1 / len(outcomes.tags))
    )


def _f1_micro(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    """Return F1 over all memberships, 1 - Σ wrong/Σ size: a ratio of two means over rows.

    wrong, size: (n,). A row costs wrong/mean size; its influence on the ratio r is (wrong - r·size)/mean size.
    """
    wrong, size = _wrong(outcomes)
    if not size.sum() > 0:
        return NOTHING
    # Σ size counts 2·both + wrong, so that micro F1 = 2·both/Σ size = 1 - Σ wrong/Σ size
    mean = float(size.mean())
    ratio = float(wrong.mean()) / mean
    largest = max(float(outcomes.truth.sum(axis=1, dtype=np.int64).max()), 1.0)
    costs = RowCosts(wrong / mean, unseen=np.array([largest / mean]))
    lost = of_a_mean(costs, (wrong - ratio * size) / mean, confidence)
    return _one_less(lost)


def _f1_micro_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    wrong, size = _wrong(outcomes)
    if not size.sum() > 0:
        return None
    mean = float(size.mean())
    ratio = float(wrong.mean()) / mean
    rows = spread_out(outcomes.known, (ratio * size - wrong) / mean)
    return Influence(1 - ratio, rows, _flip(outcomes, 1 / mean))


# -- tag by tag ------------------------------------------------------------------------------------------


def _f1(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    if of is not None:
        truth, answered = _tag(outcomes, of)
        return f1_of(truth, answered, confidence)
    return _macro_f1(outcomes, confidence)


def _macro_f1(outcomes: SetOutcomes, confidence: float) -> MetricValue:
    """Return the mean F1 of the tags that have rows, 1 - Σ of what each wrong membership costs.

    With S_j = rows of tag j + answers that name it, 1 - F1_j = wrong_j/S_j, so that a wrong membership of tag j
    costs 1/S_j (over the number of tags), and a row the sum over its wrong memberships.
    """
    known = outcomes.take(outcomes.known)
    truth, predicted = known.truth == 1, known.predicted == 1  # (n, K)
    seen = truth.any(axis=0)
    if not seen.any():
        return NOTHING
    named = truth.sum(axis=0) + predicted.sum(axis=0)  # S (K,)
    cost = np.where(seen, len(known) / (seen.sum() * np.maximum(named, 1)), 0.0)  # of one wrong membership
    # (rows, K) · (K,) → (rows,)
    costs = (truth != predicted) @ cost
    flawless = seen & ~(truth != predicted).any(axis=0)  # what they could cost is not among the costs seen
    influence = _macro_influence(known)
    assert influence is not None, "there are tags with rows"
    return _one_less(
        of_a_mean(RowCosts(costs, unseen=np.unique(cost[flawless])), -influence.rows, confidence)
    )


def _macro_influence(outcomes: SetOutcomes) -> Influence | None:
    truth, answered = outcomes.truth == 1, (outcomes.predicted == 1) & outcomes.known[:, None]
    shown = np.flatnonzero(truth.any(axis=0))
    mean = mean_influence([f1_influence(truth[:, tag], answered[:, tag]) for tag in shown])
    return mean and Influence(
        mean.value, mean.rows, mean.flip * len(shown)
    )  # a row may be wrong in every tag


def _f1_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    if of is None:
        return _macro_influence(outcomes)
    truth, answered = _tag(outcomes, of)
    return f1_influence(truth, answered)


def _recall(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    if of is None:
        return _mean_share(outcomes, _recall_of, confidence)
    right, among = _recall_of(*_tag(outcomes, of))
    return share_of(right, among, confidence)


def _recall_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    return _share_influence(outcomes, of, _recall_of)


def _precision(outcomes: SetOutcomes, of: str | None, confidence: float) -> MetricValue:
    if of is None:
        return _mean_share(outcomes, _precision_of, confidence)
    right, among = _precision_of(*_tag(outcomes, of))
    return share_of(right, among, confidence)


def _precision_influence(outcomes: SetOutcomes, of: str | None) -> Influence | None:
    return _share_influence(outcomes, of, _precision_of)


ShareOf = Callable[[Mask, Mask], tuple[Mask, Mask]]  # rows of a tag, rows answered with it → right, among


def _recall_of(truth: Mask, answered: Mask) -> tuple[Mask, Mask]:
    return answered, truth


def _precision_of(truth: Mask, answered: Mask) -> tuple[Mask, Mask]:
    return truth, answered


def _shares(outcomes: SetOutcomes, share_of_tag: ShareOf) -> list[tuple[Mask, Mask]]:
    """Return right and among (n,) of every tag that has rows."""
    masks = (_tag(outcomes, tag) for tag in outcomes.tags)
    return [share_of_tag(truth, answered) for truth, answered in masks if truth.any()]


def _mean_share(outcomes: SetOutcomes, share_of_tag: ShareOf, confidence: float) -> MetricValue:
    """Return the mean over tags of a share; one that has rows and is never answered has precision 0.

    A row that is wrong for tag j costs 1/among_j (over the number of tags), n times that in the mean over rows.
    """
    shares = [(right, among) for right, among in _shares(outcomes, share_of_tag)]
    answered = [(right, among) for right, among in shares if among.any()]
    influence = _share_influence(outcomes, None, share_of_tag)
    if not answered or influence is None:
        return NOTHING
    n, never = len(outcomes), 1 - len(answered) / len(shares)
    costs, unseen = np.zeros(n), []
    for right, among in answered:
        cost = n / (int(among.sum()) * len(shares))
        # (n,): a row may cost in several tags at once, which is why rows, not memberships, are counted
        costs += cost * (among & ~right)
        unseen += [cost] if not (among & ~right).any() else []
    lost = of_a_mean(RowCosts(costs, np.unique(unseen)), -influence.rows, confidence)
    return _one_less(lost, never)


def _share_influence(outcomes: SetOutcomes, of: str | None, share_of_tag: ShareOf) -> Influence | None:
    if of is not None:
        return share_influence(*share_of_tag(*_tag(outcomes, of)))
    shares = _shares(outcomes, share_of_tag)
    if not any(among.any() for _, among in shares):
        return None
    never = Influence(0.0, np.zeros(len(outcomes)))  # a tag that is never answered has precision 0
    mean = mean_influence([share_influence(right, among) or never for right, among in shares])
    return mean and Influence(mean.value, mean.rows, mean.flip * len(shares))  # wrong in every tag


# -- helpers ---------------------------------------------------------------------------------------------


def _one_less(lost: MetricValue, besides: float = 0.0) -> MetricValue:
    """Return 1 - what was lost (and what is lost besides), held in [0, 1]."""
    if lost.value is None:
        return lost
    whole = 1 - besides
    # ends swap: what is lost at most leaves the least
    low = None if lost.high is None else max(whole - lost.high, 0.0)
    high = None if lost.low is None else min(whole - lost.low, 1.0)
    return MetricValue(whole - lost.value, low, high, lost.n, lost.method)


def _flip(outcomes: SetOutcomes, cost: float) -> float:
    """Return the most that one more wrong row would add: all tags of the largest set, times n."""
    largest = max(float(outcomes.truth.sum(axis=1, dtype=np.int64).max()), 1.0)
    return largest * cost


# -- the list --------------------------------------------------------------------------------------------

_TEST = frozenset({Phase.TEST})
_OF_COSTS = (
    "saddlepoint tails of a sum of what wrong rows cost, where these are few; else Student's t over rows with "
    "the skewness removed (Hall 1992)"
)

_OF_A_TAG = f"of a tag: {OF_A_SHARE}; of the mean: {_OF_COSTS}"


def _fraction(
    name: str,
    summary: str,
    measure: Callable[[SetOutcomes, str | None, float], MetricValue],
    influence: Callable[[SetOutcomes, str | None], Influence | None],
    *,
    better: Literal["higher", "lower"] = "higher",
    per_class: bool = False,
    interval: str = _OF_COSTS,
    as_share: Callable[[float], float] | None = None,
) -> Metric:
    """Return the declaration of a share of rows or of memberships, or of a mean of such shares."""
    return Metric(
        name=name,
        better=better,
        unit=Unit.FRACTION,
        phases=_TEST,
        family="sets",
        per_class=per_class,
        interval=interval,
        summary=summary,
        measure=measure,
        influence=influence,
        as_share=as_share,
    )


METRICS = (
    _fraction(
        "f1",
        "harmonic mean of a tag's precision and recall; without a tag: the mean over tags (macro)",
        _f1,
        _f1_influence,
        per_class=True,
        interval=_OF_A_TAG,
        as_share=share_of_f1,
    ),
    _fraction(
        "f1_micro", "F1 over all memberships of all tags taken together", _f1_micro, _f1_micro_influence
    ),
    _fraction(
        "subset_accuracy",
        "share of rows that are answered with exactly their set",
        _subset_accuracy,
        _subset_accuracy_influence,
        interval=OF_A_SHARE,
        as_share=share,
    ),
    _fraction(
        "hamming_loss",
        "mean share of tags that are missed or answered wrongly",
        _hamming_loss,
        _hamming_loss_influence,
        better="lower",
    ),
    _fraction(
        "recall",
        "share of a tag's rows that are answered with it; without a tag: the mean over tags",
        _recall,
        _recall_influence,
        per_class=True,
        interval=_OF_A_TAG,
        as_share=share,
    ),
    _fraction(
        "precision",
        "share of a tag's answers that are right; without a tag: the mean over tags",
        _precision,
        _precision_influence,
        per_class=True,
        interval=_OF_A_TAG,
        as_share=share,
    ),
)
