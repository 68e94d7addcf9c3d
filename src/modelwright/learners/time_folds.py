"""Folds of training rows in order of time, so that each is answered by what was learned from the others.

Validation is one season, and next season's errors may be of another size. Residuals of all of the training time beside
those of validation make an interval that holds there, too (CV+, Barber, Candès, Ramdas & Tibshirani 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FOLDS = 4
FEWEST_ROWS = 40  # training rows from which each fold leaves enough to learn from
_MARGIN = 50  # one row in so many is left out on each side of a fold: windows beside it share its steps

Places = NDArray[np.int64]


def parts(rows: int) -> Iterator[tuple[Places, Places]]:
    """Yield the rows of each fold, and those that are learned from meanwhile; none where rows are few."""
    if rows < FEWEST_ROWS:
        return
    ends = np.linspace(0, rows, FOLDS + 1).astype(np.int64)
    margin = -(-rows // _MARGIN)
    every = np.arange(rows)
    for begin, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield every[begin:end], every[(every < begin - margin) | (every >= end + margin)]
