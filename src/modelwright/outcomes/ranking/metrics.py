"""Metrics of the family `ranking`. Rows whose truth is missing are left out.

A row is one question. Shapes: n rows, k places of a ranking, r right passages of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_means import OF_A_MEAN, influence_of_mean
from modelwright.core.evidence.shares import OF_A_SHARE, row_metric, share_influence, share_of
from modelwright.outcomes.ranking.outcomes import RankingOutcomes, first_ranks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = Callable[[RankingOutcomes], Floats]
_TEST = frozenset({Phase.TEST})


def hit_at(k: int, outcomes: RankingOutcomes) -> Mask:
    """Return in which rows (n,) one of the first k is right; of the first that it is answered, too."""
    if k == 1:
        return np.asarray((outcomes.truth == outcomes.predicted) & outcomes.known, dtype=np.bool_)
    return np.asarray(outcomes.hits[:, :k].any(axis=1), dtype=np.bool_)


def recall_at(k: int, outcomes: RankingOutcomes) -> Floats:
    """Return which share of its right passages each row (n,) has among the first k, of k at most."""
    # (n,): of more than k right passages no ranking has all among its first k
    most = np.minimum(np.maximum(outcomes.right, 1), k)
    return np.asarray(outcomes.hits[:, :k].sum(axis=1) / most, dtype=np.float64)


def reciprocal_rank(outcomes: RankingOutcomes) -> Floats:
    """Return 1 / rank of the first right passage of each row (n,), 0 where the ranking has none."""
    # (n,): Voorhees (1999), "The TREC-8 question answering track report", section 3
    ranks = first_ranks(outcomes.hits)
    return np.where(ranks > 0, 1.0 / np.maximum(ranks, 1), 0.0)


def gain_at(k: int, outcomes: RankingOutcomes) -> Floats:
    """Return the normalised discounted cumulative gain of each row (n,) at k (Järvelin and Kekäläinen 2002, section 2).

    Σ hit at rank i / log₂(i + 1), as a share of that of a ranking which begins with all r right passages.
    """
    weights = 1.0 / np.log2(np.arange(2, k + 2))  # (k,)
    ideal = np.concatenate([[1.0], np.cumsum(weights)])  # (k + 1,): of 0, 1, … right passages
    best = ideal[np.minimum(np.maximum(outcomes.right, 1), k)]
    return np.asarray((outcomes.hits[:, :k] @ weights[: outcomes.hits.shape[1]]) / best, dtype=np.float64)


def _share(of: Callable[[RankingOutcomes], Mask]) -> Callable[..., MetricValue]:
    def measure(outcomes: RankingOutcomes, label: str | None, confidence: float) -> MetricValue:
        return share_of(of(outcomes), outcomes.known, confidence)

    return measure


def _share_moves(of: Callable[[RankingOutcomes], Mask]) -> Callable[..., Influence | None]:
    def influence(outcomes: RankingOutcomes, label: str | None) -> Influence | None:
        return share_influence(of(outcomes), outcomes.known)

    return influence


def _mean(of: Rows) -> Callable[..., MetricValue]:
    def measure(outcomes: RankingOutcomes, label: str | None, confidence: float) -> MetricValue:
        rows = of(outcomes)[outcomes.known]
        if not len(rows):
            return NOTHING
        # what a row lacks of 1 lies from 0 to 1: a known range, within which an interval holds for every n
        low, high = means.mean(1.0 - rows, confidence, 1.0)
        ends = None if high is None else 1.0 - high, None if low is None else 1.0 - low
        return MetricValue.of(float(rows.mean()), ends, len(rows), means.method(len(rows), confidence))

    return measure


def _mean_moves(of: Rows) -> Callable[..., Influence | None]:
    def influence(outcomes: RankingOutcomes, label: str | None) -> Influence | None:
        # figures lie in [0, 1], so one more row is at most 1 away from the others
        return influence_of_mean(of(outcomes)[outcomes.known], outcomes.known, most=1.0)

    return influence


def _of_shares(name: str, summary: str, of: Callable[[RankingOutcomes], Mask]) -> Metric:
    return row_metric("ranking", name, summary, (_share(of), _share_moves(of)), OF_A_SHARE)


def _of_means(name: str, summary: str, of: Rows) -> Metric:
    return row_metric("ranking", name, summary, (_mean(of), _mean_moves(of)), OF_A_MEAN)


METRICS = (
    _of_shares("hit_at_1", "share of questions that are answered with a right passage", partial(hit_at, 1)),
    _of_shares("hit_at_5", "share of questions with a right passage among the first 5", partial(hit_at, 5)),
    _of_shares(
        "hit_at_10", "share of questions with a right passage among the first 10", partial(hit_at, 10)
    ),
    _of_means(
        "recall_at_5",
        "mean share of a question's right passages (of 5 at most) among the first 5",
        partial(recall_at, 5),
    ),
    _of_means(
        "recall_at_10",
        "mean share of a question's right passages (of 10 at most) among the first 10",
        partial(recall_at, 10),
    ),
    _of_means(
        "recall_at_100",
        "mean share of a question's right passages (of 100 at most) among the first 100",
        partial(recall_at, 100),
    ),
    _of_means("mrr", "mean of 1 / rank of the first right passage, 0 beyond the first 100", reciprocal_rank),
    _of_means(
        "ndcg_at_10",
        "normalised discounted cumulative gain of the first 10: how early the right passages stand",
        partial(gain_at, 10),
    ),
)
