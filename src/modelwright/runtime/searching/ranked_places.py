"""The best of what was scored, in an order that depends on nothing but the scores.

Shapes: n queries, N passages, k places of a ranking; a ranking with fewer than k ends in NOWHERE.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Scores = NDArray[np.float32]
_DIGITS = 6  # of a sum of scores
NOWHERE = -1
"""Stands in a ranking where there is no further passage."""

DAMPING = 60.0
"""Of reciprocal ranks: a passage at rank r counts 1 / (60 + r) (Cormack et al. 2009, section 2). Less of it lets the
first ranks count for more."""


def best(scores: Scores, k: int) -> Places:
    """Return the places of the k highest of scores (N,), the highest first; of equal ones the first."""
    if k < len(scores):
        # all that are as high as the k-th: which of equal scores a partition leaves outside is nobody's choice
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = np.argsort(-scores[places], kind="stable")[:k]
    found: Places = places[order].astype(np.int64)
    return found


def above_nothing(scores: Scores, k: int) -> tuple[Places, Scores]:
    """Return the places of at most k of scores (N,) that are above 0, the highest first, and these scores."""
    places = best(scores, k)
    places = places[scores[places] > 0]
    return places, scores[places]


def padded(places: Places, k: int) -> Places:
    """Return a ranking (m,), m ≤ k, with NOWHERE behind it: (k,)."""
    found = np.full(k, NOWHERE, dtype=np.int64)
    found[: len(places)] = places
    return found


def fused(
    rankings: Sequence[Places], weights: Sequence[float], k: int, damping: float = DAMPING
) -> tuple[Places, Scores]:
    """Return one ranking of several of the same query, (k,), and the score of each place (k,), 0 behind the end.

    The score is Σ weight / (damping + rank), as a share of what the first of all rankings would have. Of equal ones
    that comes first which the heaviest ranking has first.
    """
    total: dict[int, float] = {}
    # the heaviest first: a dictionary keeps the order in which its keys came
    for ranking, weight in sorted(zip(rankings, weights, strict=True), key=lambda one: -one[1]):
        for rank, place in enumerate(ranking.tolist(), 1):
            if place != NOWHERE and weight > 0:
                total[place] = total.get(place, 0.0) + weight / (damping + rank)
    most = sum(weights) / (damping + 1)
    # rounded, so that the order in which equal sums were added up decides nothing
    order = sorted(total, key=lambda place: -round(total[place] / most, 9))[:k]
    scores = np.zeros(k, dtype=np.float32)
    scores[: len(order)] = [total[place] / most for place in order]
    return padded(np.array(order, dtype=np.int64), k), scores


def added(
    scores: Sequence[Scores], weights: Sequence[float], places: Places, k: int
) -> tuple[Places, Scores]:
    """Return the ranking of candidates (m,) by the weighted sum of their scores, (m,) each, and their scores: (k,).

    places: of the candidates, ascending; of equal ones the first place comes first. A score is a share of what scores
    of 1 would give, and 0 where it is below.
    """
    total = np.zeros(len(places), dtype=np.float64)
    for one, weight in zip(scores, weights, strict=True):
        total += weight * one.astype(np.float64)
    # rounded, so that a digit that another machine may have decides nothing
    share = np.round(total / sum(weights), _DIGITS).astype(np.float32)
    order = best(share, k)
    found = np.zeros(k, dtype=np.float32)
    found[: len(order)] = np.maximum(share[order], 0.0)
    return padded(places[order], k), found
