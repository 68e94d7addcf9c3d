"""The middle of numbers, which fill values and other far ones do not move, and which of them look like fill values."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelwright.kinds.contract.common import FAR

# Of a normal distribution, the distance of two quantiles in standard deviations.
_WIDE, _NARROW = (0.05, 0.95, 3.29), (0.25, 0.75, 1.349)
# The wide quantiles count where they lie at most so much further apart: 5 % of far values would stretch them.
_STRETCHED = 10.0
# A deviation below this share of the median is rounding of a constant column, not variation.
_CONSTANT = 1e-12
_FEWEST_FILLS = 3  # rows; one or two far values may be just that


def median(values: NDArray[np.float64]) -> float:
    """Return the lower median of values (n,), n ≥ 1: one of them, so that none overflows."""
    return float(np.quantile(values, 0.5, method="lower"))


def deviation(values: NDArray[np.float64]) -> float | None:
    """Return the deviation of a normal distribution with the same quantiles as values (n,); None where they are equal.

    That of the middle half; where more values lie far out than a normal distribution has, the wider one.
    """
    narrow, wide = (_between(values, *one) for one in (_NARROW, _WIDE))
    chosen = wide if narrow <= 0 or narrow < wide <= _STRETCHED * narrow else narrow
    least = max(_CONSTANT * abs(median(values)), sys.float_info.min)
    return chosen if np.isfinite(chosen) and chosen > least else None


def fill_values(values: NDArray[np.float64]) -> Iterator[tuple[float, int]]:
    """Yield the least and the most of values (n,) where they look like fill values, each with its rows.

    Such a value stands in several rows, further from the middle of the others than FAR deviations, and as far again
    from the nearest of them.
    """
    found, counts = np.unique(values, return_counts=True)
    if len(found) < 3:
        return
    for place, nearest in ((0, 1), (-1, -2)):
        value, count = float(found[place]), int(counts[place])
        rest = values[values != value]
        spread = deviation(rest)
        if count < _FEWEST_FILLS or spread is None:
            continue
        with np.errstate(over="ignore"):  # an infinite distance is far, too
            away = abs(value - median(rest))
            gap = abs(value - float(found[nearest]))
        if away > FAR * spread and gap > away / 2:
            yield value, count


def _between(values: NDArray[np.float64], low: float, high: float, deviations: float) -> float:
    with np.errstate(over="ignore"):  # the caller asks whether it is finite
        ends = np.quantile(values, (low, high), method="nearest")
        return float((ends[1] - ends[0]) / deviations)
