"""Score intervals for a mean over classes of figures whose spread follows from their values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.intervals import Bounds, find_root, normal_quantile

Floats = NDArray[np.float64]
MOST_RATIO = 4.0  # of the spread that is seen to the model's


def score_bounds(
    values: Floats,
    spread: Callable[[Floats], Floats],
    influence: Floats,
    confidence: float,
    *,
    least_ratio: float,
) -> Bounds:
    """Return the mean of values (k,), shifted until it lies a normal quantile away from what was seen.

    The spread is taken at the shifted values, as Wilson does for proportions, so that a perfect value keeps an
    interval. spread: values (k,) → variances (k,), by a model; influence: (n,), how much each row moves the mean.
    What the influences show corrects the model by a ratio, held within bounds: where few rows are misplaced, the
    spread that they show is no estimate.
    """
    n, z = len(influence), normal_quantile(confidence)
    # the variance of a mean over classes, as if these were independent; `ratio` corrects it by what is seen
    model = float(spread(values).sum()) / len(values) ** 2
    seen = float(influence @ influence) / n**2
    ratio = min(max(seen / model, least_ratio), MOST_RATIO) if model > 0 and seen > 0 else 1.0

    def end(sign: float) -> float:
        def shifted(shift: float) -> Floats:
            moved: Floats = np.clip(values + sign * shift, 0, 1)
            return moved

        def excess(shift: float) -> float:
            moved = shifted(shift)
            variance = ratio * float(spread(moved).sum()) / len(values) ** 2
            return abs(float(moved.mean() - values.mean())) - z * math.sqrt(variance)

        return float(shifted(find_root(excess, 1e-12, 1.0)).mean())  # at 0 a perfect value has no spread yet

    return end(-1.0), end(1.0)
