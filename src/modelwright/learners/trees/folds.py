"""Answers out of fold: what training rows would be answered, had their own stretch of time not been learned from.

Residuals of these, beside those of validation, make the interval (see `learners.time_folds`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright.learners import time_folds
from modelwright.learners.trees import boosting
from modelwright.learners.trees.boosting import FeatureTable, Params
from modelwright.learners.trees.growth import Growth

Places = time_folds.Places
Floats = NDArray[np.float64]
# of rows (their places): what is learned from, and the features that are answered
Tables = tuple[Callable[[Places], FeatureTable], Callable[[Places], Floats]]


def answers(
    growth: Growth,
    params: Params,
    tables: Tables,
    rows: int,
    rounds: int,
    checkpoint: Path,
    advance: Callable[[], None],
) -> list[Floats]:
    """Return what boosters of as many rounds answer to the rows of each fold, fold after fold.

    growth: how they grow, beside `params`; rows: how many there are, in order of time. Each fold finds and leaves its
    state beside `checkpoint`.
    """
    learned_from, features = tables
    nothing = learned_from(np.empty(0, np.int64))
    found = []
    for number, (held, rest) in enumerate(time_folds.parts(rows)):
        boosted = boosting.boost(
            {**params, **growth.params()},
            learned_from(rest),
            nothing,
            rounds=rounds,
            patience=rounds,
            checkpoint=checkpoint.with_suffix(f".fold-{number}.json"),
            advance=lambda _: None,
            draws=growth.is_drawn,
        )
        found.append(boosting.raw_answers(boosted.text, features(held)))
        advance()
    return found
