"""Rows that stand for all where there are too many: evenly spaced, not drawn, so that every run takes the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of the places 0 to `count` - 1, rising; of two or more, both ends are among them."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
