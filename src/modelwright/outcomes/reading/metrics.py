"""Metrics of the family `reading`: where a text holds the answer to a question.

Conventions. A row whose truth is missing is left out. Where the text holds no answer, to give none is right, and any is
wrong (Rajpurkar et al. 2018, section 5).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.row_means import OF_A_MEAN, ways_of_mean
from modelwright.core.evidence.shares import OF_A_SHARE, row_metric, ways_of_share
from modelwright.outcomes.reading.outcomes import ReadingOutcomes

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def _overlap(among: Callable[[ReadingOutcomes], Mask]) -> Callable[[ReadingOutcomes], Floats]:
    """Return the overlap of the rows that count, NaN of the others."""
    # (n,): NaN takes a row out of a mean
    return lambda outcomes: np.where(among(outcomes), outcomes.overlap, np.nan)


def _exact(outcomes: ReadingOutcomes) -> tuple[Mask, Mask]:
    # (n,): whether nothing is right where nothing is there is settled in `outcomes`
    return outcomes.right & outcomes.known, outcomes.known


def _abstained(outcomes: ReadingOutcomes) -> tuple[Mask, Mask]:
    # a row counts whether its truth is known or not: only the answer is looked at
    return ~outcomes.answered, np.ones(len(outcomes), dtype=np.bool_)


def _nothing_found(outcomes: ReadingOutcomes) -> tuple[Mask, Mask]:
    # a text of which nobody knows whether it holds an answer is none of these
    without = outcomes.known & ~outcomes.answerable
    return without & ~outcomes.answered, without


_metric = partial(row_metric, "reading")

METRICS = (
    _metric(
        "token_f1",
        "mean F1 of the words of the answer and of the right one most like it; 1 where neither is there",
        ways_of_mean(_overlap(lambda outcomes: outcomes.known)),
        OF_A_MEAN,
    ),
    _metric(
        "exact_match",
        "share of rows answered with the words of a right answer, or with none where there is none",
        ways_of_share(_exact),
        OF_A_SHARE,
    ),
    _metric(
        "answerable_f1",
        "mean F1 of the words, of the rows whose text holds an answer; 0 where none is given",
        ways_of_mean(_overlap(lambda outcomes: outcomes.answerable)),
        OF_A_MEAN,
    ),
    _metric(
        "abstention_rate",
        "share of rows that are not answered",
        ways_of_share(_abstained),
        OF_A_SHARE,
        better="lower",
        optional_only=True,
    ),
    _metric(
        "no_answer_recall",
        "share of the rows whose text holds no answer that are not answered",
        ways_of_share(_nothing_found),
        OF_A_SHARE,
        optional_only=True,
    ),
)
