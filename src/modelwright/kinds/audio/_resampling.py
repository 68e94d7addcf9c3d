"""Sounds brought to another rate. Needs the extra `audio`."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, resample_poly

# The usual rates are whole shares of each other well below it (44.1 kHz to 16: 160 / 441); others are off by at most
# one in 10⁶, and need no filter of a million places.
_MOST_DENOMINATOR: Final = 1000
_HALF_LENGTH: Final = (
    10  # of the filter, in periods of the slower rate; and its window: those of resample_poly
)
_KAISER: Final = ("kaiser", 5.0)


def resampled(samples: NDArray[np.float64], rate: int, wanted: int) -> NDArray[np.float64]:
    """Return samples (n,) at another rate, ceil(n × wanted / rate) of them; low-pass filtered where that is lower."""
    if rate == wanted:
        return samples
    share = Fraction(wanted, rate).limit_denominator(_MOST_DENOMINATOR)
    up, down = share.numerator, share.denominator
    found: NDArray[np.float64] = resample_poly(samples, up, down, window=_filter(up, down))
    length = math.ceil(len(samples) * wanted / rate)
    return found[:length] if len(found) >= length else np.pad(found, (0, length - len(found)))


@lru_cache(maxsize=32)
def _filter(up: int, down: int) -> NDArray[np.float64]:
    """Return the filter that resample_poly would make anew for each sound."""
    slower = max(up, down)
    found: NDArray[np.float64] = firwin(2 * _HALF_LENGTH * slower + 1, 1.0 / slower, window=_KAISER)
    return found
