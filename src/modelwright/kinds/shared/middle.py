"""The middle of numbers, which fill values and other far ones do not move, and which of them look like fill values."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Of a normal distribution, the distance of two quantiles in standard deviations.
_WIDE, _NARROW = (0.05, 0.95, 3.29), (0.25, 0.75, 1.349)
# The wide quantiles count where they lie at most so much further apart: 5 % of far values would stretch them.
_STRETCHED = 10.0
# A deviation below this share of the median is rounding of a constant column, not variation.
_CONSTANT = 1e-12
# Of usual columns, sparse and skewed ones too, the deviation is at most so many times that of the middle.
_FLATTENED = 10.0
_FEWEST_FILLS = 3  # rows; one or two far values may be just that
# Deviations from the middle of the others. Fill values of measured columns lie from 6 (-200 among readings of 650 to
# 2000) to 470 away; of 60 columns that were looked at, counts and prices among them, no other value lies 4 away, alone.
_FILL_AWAY = 5.0


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

    Such a value stands in several rows, further from the middle of the others than `_FILL_AWAY` deviations, and more
    than half of that way from the nearest of them.
    """
    if not values.size or values.min() == values.max():
        return
    for end in (np.min, np.max):
        value = float(end(values))
        rest = values[values != value]
        count = values.size - rest.size
        spread = deviation(rest) if count >= _FEWEST_FILLS else None
        if spread is None:
            continue
        with np.errstate(over="ignore"):  # an infinite distance is far, too
            away = abs(value - median(rest))
            gap = abs(value - float(end(rest)))
        if away > _FILL_AWAY * spread and gap > away / 2:
            yield value, count


def written(value: float) -> str:
    """Return a number as a table has it: -999, and not -999.0."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def unflattened(values: NDArray[np.float64], mean: float, spread: float) -> tuple[float, float]:
    """Return the mean and the deviation of values (n,), or the middle's where far values flatten all others.

    mean, spread: those of all values. As long as they are within `_FLATTENED` times the middle's, they are taken.
    """
    apart = deviation(values) if values.size else None
    return (mean, spread) if apart is None or spread <= _FLATTENED * apart else (median(values), apart)


def _between(values: NDArray[np.float64], low: float, high: float, deviations: float) -> float:
    with np.errstate(over="ignore"):  # the caller asks whether it is finite
        ends = np.quantile(values, (low, high), method="nearest")
        return float((ends[1] - ends[0]) / deviations)
