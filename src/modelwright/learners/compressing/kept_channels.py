"""Which channels stay, and what gives all of them from those: arithmetic alone, of graphs and of layers that learn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_MULTIPLE = 8  # of channels that stay: the runtime's kernels take so many at once
_RIDGE = 1e-4  # of the mean square of a channel


def left_of(count: int, share: float) -> int:
    """Return how many of so many channels stay, a multiple of 8."""
    return min(count, max(_MULTIPLE, _MULTIPLE * math.ceil(count * (1.0 - share) / _MULTIPLE - 1e-9)))


def from_those_kept(square: NDArray[np.float64], kept: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what gives all channels from those that stay, by least squares, (kept, all).

    square: the channels' products with each other, (all, all).
    """
    inner = square[np.ix_(kept, kept)]
    return np.asarray(np.linalg.solve(inner + ridge(inner) * np.eye(len(kept)), square[kept]))


def ridge(square: NDArray[np.float64]) -> float:
    """Return what is added to the diagonal of products before they are inverted."""
    return float(_RIDGE * np.trace(square) / len(square) + 1e-12)


def those_kept(square: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return which channels stay, in their order: each the one of which those before it leave most unexplained."""
    left = np.diag(square).copy()
    rows = np.zeros((count, len(square)))
    chosen: list[int] = []
    for step in range(count):
        place = int(np.argmax(left))
        if left[place] <= 0.0:  # the others hold nothing of their own: the first of them
            rest = [one for one in range(len(square)) if one not in set(chosen)]
            chosen += rest[: count - step]
            break
        chosen.append(place)
        row = (square[place] - rows[:step, place] @ rows[:step]) / math.sqrt(left[place])
        rows[step] = row
        left = left - np.square(row)
        left[chosen] = -1.0
    return np.array(sorted(chosen), np.int64)
