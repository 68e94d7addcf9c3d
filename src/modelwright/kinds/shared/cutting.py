"""Where an output answers: the cuts between rows that validation can tell apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CUTS = 64  # that are tried along one direction: two neighbours differ by 1.6 % of the rows
MOST_WEIGHT = (
    1000.0  # how many times a class may count, or 1/1000: beyond that it is always or never answered
)


def cuts(scores: NDArray[np.floating], most: int = CUTS) -> list[float]:
    """Return at most so many values that part the scores (n,), ascending; none stands on a score.

    The scores, sorted, fall into groups of equally many; of each group the widest gap gives its middle. A cut in
    a wide gap is not crossed by the rounding of another batch or machine, as one that stands on a row would be.
    """
    ordered = np.unique(scores[np.isfinite(scores)].astype(np.float64))
    gaps = np.diff(ordered)
    found = []
    for group in np.array_split(np.arange(len(gaps)), min(most, len(gaps)) or 1):
        if len(group):
            place = int(group[gaps[group].argmax()])
            middle = float((ordered[place] + ordered[place + 1]) / 2)
            if ordered[place] < middle < ordered[place + 1]:  # neighbouring floats have no middle
                found.append(middle)
    return found


def log_odds(share: float) -> float:
    """Return ln(share / (1 - share)); exactly 0 of a half."""
    return math.log(share / (1.0 - share))


def share_of(odds: float) -> float:
    """Return the probability whose log odds these are."""
    return 1.0 / (1.0 + math.exp(-odds))
