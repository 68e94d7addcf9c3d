"""The one-standard-error rule: of learners that answer alike, the one that is cheapest to serve.

Of two learners whose answers to the validation rows differ by no more than chance, the one with the better score is
the better one only by chance; which one that is changes with the machine (how many rows its budget allows) and with
the seed. So the best score gives way to whatever serves more cheaply within one standard error of it (Breiman et al.
1984, Classification and Regression Trees, section 3.4.3), here of the paired difference on the same rows, which leaves
out what is hard for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright import outcomes
from modelwright.core.evidence.metric import Influence
from modelwright.storage.formats.plan import LearnerScores

Floats = NDArray[np.float64]

_NO_VALUE = 2.0  # how wrong a learner without a value is; the worst with one is 1
# What goes on from a learner (fine-tuning from a probe) leaves about so much of its errors, on all rows.
_LEFT_BY_GOING_ON = 0.7
_ALIKE = 4.0  # times: forecasts of latency, timed on machines that are busy, tell no less apart
_QUICK_S = 0.005  # of a request: below this, what carries a request takes longer


@dataclass(frozen=True)
class Contender:
    """What a learner answered on validation, and what it costs to serve.

    influences: by output, how much each row moves the score, None where it has no value; latency_s, package_bytes:
    by the forecast, of the learner that would be taken (of those that go on from it, the first).
    """

    scores: LearnerScores
    influences: tuple[Influence | None, ...]
    latency_s: float
    package_bytes: int


def ranked(tried: Sequence[Contender]) -> tuple[LearnerScores, ...]:
    """Return the scores: that of the learner to take, then the others by how well they answered.

    Each says how far it lies behind the best, and the standard error of that. Equal ones stay in their order.
    """
    expected = expected_errors([one.scores for one in tried])
    order = sorted(range(len(tried)), key=lambda at: expected[at])
    best = order[0]
    apart = {at: _standard_error(tried, at, best) for at in order if at != best}
    # one row that only one gets right is one standard error: rounding does not decide about it
    alike = [
        best,
        *(
            at
            for at, error in apart.items()
            if error is not None and expected[at] - expected[best] <= error * (1 + 1e-9)
        ),
    ]
    taken = _cheapest([tried[at] for at in alike])
    found = [
        replace(
            tried[at].scores,
            behind=expected[at] - expected[best],
            standard_error=apart.get(at),
            alike=at in alike,
        )
        for at in order
    ]
    first = alike[taken]
    return (found[order.index(first)], *(one for at, one in zip(order, found, strict=True) if at != first))


def expected_errors(tried: Sequence[LearnerScores]) -> list[float]:
    """Return how wrong each learner is, over all outputs.

    Of each output the error is divided by the worst learner's, so that outputs in different units count alike.
    """
    wrong = [0.0] * len(tried)
    for place in range(len(tried[0].scores)):
        errors = _errors(tried, place)
        worst = _worst(errors)
        for at, error in enumerate(errors):
            wrong[at] += _NO_VALUE if error is None else error / worst if worst > 0 else 0.0
    return [error * _left(one) for one, error in zip(tried, wrong, strict=True)]


def _standard_error(tried: Sequence[Contender], at: int, best: int) -> float | None:
    """Return the standard error of the difference of two learners' expected errors; None where one has no value."""
    scores = [one.scores for one in tried]
    difference: Floats | None = None
    for place, first in enumerate(scores[0].scores):
        worst = _worst(_errors(scores, place))
        mine, theirs = tried[at].influences[place], tried[best].influences[place]
        if mine is None or theirs is None:
            return None
        sign = 1.0 if outcomes.metrics().any(first.metric).better == "lower" else -1.0
        # (n,): what each row adds to the difference; with a worst error of 0 nobody errs
        rows = sign * (mine.rows * _left(scores[at]) - theirs.rows * _left(scores[best])) / (worst or 1.0)
        difference = rows if difference is None else difference + rows
    if difference is None or len(difference) < 2:
        return None
    return float(difference.std(ddof=1)) / math.sqrt(len(difference))


def _cheapest(alike: Sequence[Contender]) -> int:
    """Return the place of the one that answers quickest; of about equally quick ones, of the smallest."""
    quickest = min(one.latency_s for one in alike)
    enough = max(_ALIKE * quickest, _QUICK_S)
    quick = [at for at, one in enumerate(alike) if one.latency_s <= enough]
    return min(quick, key=lambda at: alike[at].package_bytes)


def _errors(tried: Sequence[LearnerScores], place: int) -> list[float | None]:
    lower = outcomes.metrics().any(tried[0].scores[place].metric).better == "lower"
    values = [one.scores[place].value for one in tried]
    return [None if value is None else value if lower else 1.0 - value for value in values]


def _worst(errors: Sequence[float | None]) -> float:
    return max((error for error in errors if error is not None), default=0.0)


def _left(one: LearnerScores) -> float:
    return _LEFT_BY_GOING_ON if one.also else 1.0
