"""Which trials are ended early: a pure function of what they report, and of the trials that they may know.

A score is compared at the same point of learning: of a training by steps at the same share of its steps, of boosting at
the same round. Trials of another learner report another thing, and are not compared with.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from modelwright.stages.tune.config import Pruner

Scores = Sequence[tuple[int, float]]
"""Points of learning from 1, rising, each with its score, the less the better."""

MOST = 100  # the last point of a training by steps
_STARTUP = 4  # trials that must be known before a median says anything
_FACTOR = 3  # of a rung of successive halving one in so many goes on (Li et al. 2018, JMLR 18(185))
_BRACKETS = 3


def is_pruned(pruner: Pruner, number: int, own: Scores, others: Sequence[Scores]) -> bool:
    """Tell whether a trial that has reported `own` so far is to be ended; others: of the trials that it may know."""
    if pruner == "none" or not own:
        return False
    if pruner == "median":
        return _behind_median(own, others)
    return _behind_rung(number, own, others)


def _behind_median(own: Scores, others: Sequence[Scores]) -> bool:
    """Tell whether the best of a trial is worse than the median of the others at this point (Golovin et al. 2017)."""
    at, best = own[-1][0], min(score for _, score in own)
    known = [found for one in others if (found := _best_until(one, at)) is not None]
    return len(known) >= _STARTUP and best > statistics.median(known)


def _behind_rung(number: int, own: Scores, others: Sequence[Scores]) -> bool:
    """Tell whether a trial is not among the first third of those that came to the rung which it has just come to.

    Trials are dealt to brackets by number; those of a later bracket have their first rung later, so that one which
    learns slowly at first has a chance, too.
    """
    rungs = [rung for rung in _rungs(number % _BRACKETS) if rung <= own[-1][0]]
    if not rungs or (len(own) > 1 and own[-2][0] >= rungs[-1]):
        return False  # between two rungs
    known = [found for one in others if (found := _best_until(one, own[-1][0])) is not None]
    if len(known) < _FACTOR - 1:
        return False
    best = min(score for _, score in own)
    better = sum(score < best for score in known)
    return better >= max(1, (len(known) + 1) // _FACTOR)


def _rungs(bracket: int) -> list[int]:
    """Return the points at which trials of a bracket are compared, less the last: 3, 11, 33; 11, 33; 33."""
    return [MOST // _FACTOR**power for power in range(_BRACKETS - bracket, 0, -1)]


def _best_until(scores: Scores, at: int) -> float | None:
    """Return the best score up to a point, None of a trial that did not come so far."""
    if not scores or scores[-1][0] < at:
        return None
    return min((score for point, score in scores if point <= at), default=None)
