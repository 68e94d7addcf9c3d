"""Fills the gaps of windows, each from its own steps alone: what lies behind its end, no request knows.

`data` and the kind share it, so that what is declared of training holds for a request.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MISSING, PREVIOUS, LINEAR = "missing", "previous", "linear"

Floats = NDArray[np.float64]


def filled(windows: Floats, how: str) -> Floats:
    """Return windows (n, t), NaN a gap, with their gaps filled; a gap that nothing bounds stays one.

    previous: by the last number before; linear: on the line between the numbers on either side.
    """
    if how == MISSING or not np.isnan(windows).any():
        return windows
    steps = np.arange(windows.shape[1])
    there = ~np.isnan(windows)
    # (n, t): the step of the last number up to here, and of the first from here; -1 and t where there is none
    before = np.maximum.accumulate(np.where(there, steps, -1), axis=1)
    rows = np.arange(len(windows))[:, None]
    last = np.where(before >= 0, windows[rows, np.maximum(before, 0)], np.nan)
    if how == PREVIOUS:
        return last
    after = np.minimum.accumulate(np.where(there, steps, windows.shape[1])[:, ::-1], axis=1)[:, ::-1]
    bounded = (before >= 0) & (after < windows.shape[1])
    following = windows[rows, np.minimum(after, windows.shape[1] - 1)]
    # the share of the way from the one to the other; 0 of 0 where a number is
    share = np.where(after > before, (steps - before) / np.maximum(after - before, 1), 0.0)
    return np.where(there, windows, np.where(bounded, last + share * (following - last), np.nan))
