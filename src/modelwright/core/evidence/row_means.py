"""Means over rows of which some are left out, and how much each row moves them.

Shapes: n rows, m of them that count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.metric import Influence

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def spread_out(counts: Mask, moved: Floats) -> Floats:
    """Return one influence per row (n,), 0 for those left out; `moved` (m,) holds those of the others."""
    # n/m times as much a row, since the others weigh nothing
    found = np.zeros(len(counts))
    found[counts] = moved * (len(counts) / max(int(counts.sum()), 1))
    return found


def influence_of_mean(values: Floats, counts: Mask, most: float = 0.0) -> Influence | None:
    """Return the mean of the rows that count, values (m,), and how each row (n,) moves it; None without any.

    most: how far one more row may lie from the others, where that is known.
    """
    if not len(values):
        return None
    # a mean: each row moves it by its distance from it
    moved = spread_out(counts, values - values.mean())
    return Influence(float(values.mean()), moved, most * (len(counts) / len(values)))
