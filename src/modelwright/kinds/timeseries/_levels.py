"""The level of a series by itself, the season of a training split, and forecasts that need no learning.

Shapes: n rows, t steps of a window, h steps of a forecast, c channels. NaN is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.shared.gap_filling import MISSING, filled
from modelwright.kinds.timeseries.window import TimeWindow

Floats = NDArray[np.float64]

# A window far below the usual level (a night without a single ride) is divided by this share of the usual one:
# by its own, a forecast of one ride would be without bounds.
LEAST_LEVEL = 0.05
_MOST_COMPARED = 30_000_000  # numbers that are compared to find the season
CONSTANT = 1e-12  # below this share of the largest value, a deviation is rounding


@dataclass(frozen=True)
class Level:
    """How a window is brought to one scale with all others.

    signed: numbers below 0 occur, so that a window is moved by its mean; else it is divided by its mean. typical: the
    median of the training windows' means (of their sizes, where signed).
    """

    signed: bool
    typical: float

    def of(self, numbers: Floats) -> tuple[Floats, Floats]:
        """Return what is taken off each window and what it is then divided by, (n, c) each; numbers: (n, t, c)."""
        level = mean(numbers)  # (n, c), NaN of a window without numbers
        if self.signed:
            middle = np.where(np.isnan(level), 0.0, level)
            return middle, np.full_like(middle, self.typical)
        held = np.where(np.isnan(level), self.typical, np.maximum(level, LEAST_LEVEL * self.typical))
        return np.zeros_like(held), held


def level_of(numbers: Floats) -> Level:
    """Return the level of training windows (n, t, c), all channels together."""
    signed = bool((numbers < 0).any())
    found = mean(np.abs(numbers))
    known = found[np.isfinite(found) & (found > 0)]
    return Level(signed, float(np.quantile(known, 0.5, method="lower")) if known.size else 1.0)


def mean(numbers: Floats) -> Floats:
    """Return the mean over the steps of numbers (n, t, c): (n, c), NaN where none is there."""
    there = ~np.isnan(numbers)
    most = np.abs(np.where(there, numbers, 0.0)).max(axis=1, initial=0.0)  # so that sums do not overflow
    scale = np.where(most > 0, most, 1.0)
    count = there.sum(axis=1)
    shares = np.where(there, numbers / scale[:, None, :], 0.0).sum(axis=1)
    found: Floats = np.where(count > 0, shares / np.maximum(count, 1) * scale, np.nan)
    return found


def stacked(values: Sequence[TimeWindow | None], steps: int, channels: int, *, newest: bool = True) -> Floats:
    """Return series as numbers (n, steps, channels), NaN where there is none.

    newest: a shorter series ends with the last step, and of a longer one the newest steps are kept; else it begins
    with the first.
    """
    found = np.full((len(values), steps, channels), np.nan)
    for row, value in enumerate(values):
        if value is None or value.channels != channels:
            continue
        numbers = np.frombuffer(value.numbers).reshape(-1, channels)
        kept = min(len(numbers), steps)
        if newest:
            found[row, steps - kept :] = numbers[len(numbers) - kept :]
        else:
            found[row, :kept] = numbers[:kept]
    return found


def without_gaps(numbers: Floats, how: str) -> Floats:
    """Return windows (n, t, c) with the gaps of each channel filled as is declared; shorter ones begin with gaps."""
    if how == MISSING or not numbers.size:
        return numbers
    return np.stack([filled(channel, how) for channel in np.moveaxis(numbers, 2, 0)], axis=2)


def seasonal(window: Floats, season: int, steps: int) -> Floats:
    """Return the forecast (n, steps) of what was measured a season (or several) before; window: (n, t), t ≥ season."""
    place = np.arange(steps) % season
    found: Floats = window[:, window.shape[1] - season + place]
    return found


def best_season(window: Floats, truth: Floats) -> tuple[int, float]:
    """Return the season by which training (n, t) forecasts its truths (n, h) best, and its mean absolute error.

    Season 1 is the last value. Of seasons that do about as well (by 1 %) the shortest is taken.
    """
    n, longest = window.shape
    most = max(1, _MOST_COMPARED // max(1, truth.shape[1] * longest))
    rows = evenly_spaced(n, most)
    window, truth = window[rows], truth[rows]
    rounding = 1e-9 * float(np.nanmax(np.abs(truth), initial=0.0))
    best, least = 1, np.inf
    for season in range(1, longest + 1):
        off = np.abs(seasonal(window, season, truth.shape[1]) - truth)
        known = off[~np.isnan(off)]
        error = float(known.mean()) if known.size else np.inf
        if error < 0.99 * least - rounding:
            best, least = season, error
    return best, float(least) if np.isfinite(least) else 0.0
