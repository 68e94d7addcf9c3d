"""Tests that may be repeated while traffic comes in: at every instant, however often, they err as seldom as stated.

An interval of a fixed number of rows misses sooner or later if it is computed again and again. Here a gambler with
capital 1 bets against a bar. If the bar is kept, no bet gains on average, whatever came before; so the chance that
the capital *ever* reaches 1/error is at most `error` (Ville 1939), and a decision may be taken whenever it has.
The bets are those of Waudby-Smith & Ramdas 2023 (JRSS B 86:1) for means of bounded values, mixed over many stakes
as in a universal portfolio (Cover 1991; Orabona & Jun 2023), so that counts alone decide, in whatever order they came.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.intervals import find_root

Floats = NDArray[np.float64]
Ends = tuple[float | None, float | None]  # None: nothing is known of that end yet

METHOD = "sequential"
# Stakes f in (0, 1), even in ln(f/(1-f)): small ones find small differences, large ones rare events that do not occur.
_LOGITS = np.linspace(-8.0, 4.0, 49)
_LOG_STAKE, _LOG_KEPT = -np.log1p(np.exp(-_LOGITS)), -np.log1p(np.exp(_LOGITS))
_MOST_ROWS = 10**8  # beyond this no traffic is planned


@dataclass(frozen=True)
class BoundedSample:
    """Distinct values (k,) of a variable within [low, high], and how many rows showed each (k,)."""

    values: Floats
    counts: Floats
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, rows: NDArray[np.generic], low: float = 0.0, high: float = 1.0) -> Self:
        """Return the sample of rows (n,), each a finite number within [low, high]."""
        values, counts = np.unique(rows.astype(np.float64), return_counts=True)
        return cls(values, counts.astype(np.float64), low, high)

    @classmethod
    def of_share(cls, hits: float, n: float) -> Self:
        """Return the sample of n rows of which some are hits."""
        return cls(np.array([0.0, 1.0]), np.array([n - hits, hits], np.float64))

    @classmethod
    def of_pairs(cls, ours: float, champions: float, n: float) -> Self:
        """Return the sample of n differences: 1 where only ours is a hit, -1 where only the champion's is, else 0."""
        counts = np.array([champions, n - ours - champions, ours], np.float64)
        return cls(np.array([-1.0, 0.0, 1.0]), counts, -1.0, 1.0)

    @property
    def n(self) -> int:
        """Return the number of rows."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """Return the mean of the rows, None without any."""
        total = float(self.counts.sum())
        return float(self.values @ self.counts) / total if total else None

    @property
    def mirrored(self) -> BoundedSample:
        """Return the sample turned about the middle of its range: what was above a bar is below the bar's image."""
        return replace(self, values=self.low + self.high - self.values)


def log_capital(sample: BoundedSample, bar: float) -> float:
    """Return ln of the capital of a gambler who bets that the mean is above a bar within [low, high].

    With stake f a row x multiplies the capital by (1 - f) + f (x - low)/(bar - low), whose mean is at most 1 where
    the mean of x is at most the bar; it falls as the bar rises. The capital is the average over all stakes.
    """
    if bar >= sample.high:
        return -math.inf if sample.n else 0.0
    if bar <= sample.low:  # any row above the least value refutes a mean of exactly that
        return math.inf if (sample.counts[sample.values > sample.low] > 0).any() else 0.0
    # (stakes, k) @ (k,): rows of one value multiply alike
    growth = _log_factors(sample, bar) @ sample.counts
    most = float(growth.max())
    return most + math.log(float(np.exp(growth - most).mean()))


def is_above(sample: BoundedSample, bar: float, error: float) -> bool:
    """Return whether the mean is proven to be above a bar: ever wrongly so with probability at most `error`."""
    return log_capital(sample, bar) >= -math.log(error)


def is_below(sample: BoundedSample, bar: float, error: float) -> bool:
    """Return whether the mean is proven to be below a bar, as `is_above`."""
    return is_above(sample.mirrored, sample.low + sample.high - bar, error)


def ends(sample: BoundedSample, error_low: float, error_high: float) -> Ends:
    """Return the ends of a confidence sequence of the mean: the bars that are refuted lie outside.

    Each end is ever on the wrong side of the mean with probability at most its error.
    """
    if not sample.n:
        return None, None
    whole = sample.low + sample.high
    return _lower_end(sample, error_low), whole - _lower_end(sample.mirrored, error_high)


def _log_factors(sample: BoundedSample, bar: float) -> Floats:
    """Return ln of what a row of each value multiplies the capital by, for each stake: (stakes, k)."""
    # a row at the least value gains nothing: of the capital, what was not staked remains
    gain = np.log(np.maximum((sample.values - sample.low) / (bar - sample.low), 1e-300))
    factors: Floats = np.logaddexp(_LOG_KEPT[:, None], _LOG_STAKE[:, None] + gain)
    return factors


def _lower_end(sample: BoundedSample, error: float) -> float:
    mean = sample.mean
    assert mean is not None, "a sample has rows here"
    if mean <= sample.low:
        return sample.low
    goal = -math.log(error)
    # from +∞ at the least value to at most 0 at the mean (Jensen: no bet against the mean of its own rows gains)
    just_above = sample.low + 1e-12 * (sample.high - sample.low)
    return find_root(lambda bar: log_capital(sample, bar) - goal, just_above, mean)


def positions(n: int, quantile: float, error_low: float, error_high: float) -> tuple[int | None, int | None]:
    """Return the positions (from 0) in n sorted values that bound a quantile at every n at once (None: no bound yet).

    The rows up to the true quantile are hits with probability `quantile`: a value X₍c₎ is above it if c hits of n
    would be too many, and below it if c - 1 would be too few (after Howard & Ramdas 2022, Bernoulli 28:1704).
    """
    # the smallest count that is too many; the largest position whose count before it is too few
    high = _first(1, n, lambda c: is_above(BoundedSample.of_share(c, n), quantile, error_high))
    low = _first(1, n, lambda c: not is_below(BoundedSample.of_share(c - 1, n), quantile, error_low))
    last = n if low is None else low - 1
    return (last - 1 if last >= 1 else None), (None if high is None else high - 1)


def shift_ends(ours: Floats, champions: Floats, level: float, error_low: float, error_high: float) -> Ends:
    """Return the ends of the shift d at which ours exceed `level + d` as often as the champion's exceed `level`.

    ours, champions: (n,) pairs of the same traffic. With the champion's quantile as level, d is the difference of
    the quantiles; level must not be chosen from these rows. A shift is refuted by bets on the pairs in which only one
    exceeds: what slows both down at once says nothing.
    """
    exceeds = champions > level
    with_it, without = np.sort(ours[exceeds]), np.sort(ours[~exceeds])
    ordered, n = np.sort(ours), len(ours)

    def sample(place: int) -> BoundedSample:
        only_ours = len(without) - np.searchsorted(without, ordered[place], "right")
        only_champions = np.searchsorted(with_it, ordered[place], "right")
        return BoundedSample.of_pairs(float(only_ours), float(only_champions), n)

    # the greater the shift, the seldomer ours exceed it
    high = _first(0, n - 1, lambda place: is_below(sample(place), 0.0, error_high))
    first_open = _first(0, n - 1, lambda place: not is_above(sample(place), 0.0, error_low))
    low = n - 1 if first_open is None else first_open - 1
    return (
        None if low < 0 else float(ordered[low] - level),
        None if high is None else float(ordered[high] - level),
    )


def pair(ours: Floats, champions: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows stand beside each other: places in two rising sequences of times (n,) and (m,), (k,) each.

    Each of ours gets the champion's next row that no earlier one has; one that finds none yet waits.
    """
    # first free place: at least one after that of the row before, so that places less their rank never fall
    rank = np.arange(len(ours))
    places = np.maximum.accumulate(np.searchsorted(champions, ours) - rank) + rank
    found = places < len(champions)
    return rank[found], places[found].astype(np.int64)


def rows_needed(sample: BoundedSample, bar: float, error: float, power: float = 0.9) -> int | None:
    """Return how many rows prove on which side of a bar the mean lies, if rows come as in `sample` (counts: shares).

    With probability about `power` it takes no more; None where the mean is on the bar, or too near for any traffic.
    """
    mean = sample.mean
    assert mean is not None, "shares of values"
    if mean < bar:
        return rows_needed(sample.mirrored, sample.low + sample.high - bar, error, power)
    if mean == bar:
        return None
    shares = sample.counts / sample.counts.sum()
    factors = _log_factors(sample, bar)
    best = factors[int(np.argmax(factors @ shares))]
    spread = math.sqrt(max(float(best**2 @ shares) - float(best @ shares) ** 2, 0.0))
    # ln of the capital walks with the mean and spread of one bet: z spreads of √n rows below its mean is enough
    margin = NormalDist().inv_cdf(power) * spread

    def decides(n: int) -> bool:
        expected = replace(sample, counts=shares * n)
        return log_capital(expected, bar) - margin * math.sqrt(n) >= -math.log(error)

    enough = 1
    while not decides(enough):
        enough *= 2
        if enough > _MOST_ROWS:
            return None
    return _first(enough // 2, enough, decides)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int | None:
    """Return the first of low … high from which on a condition holds, None where it does for none."""
    if high < low or not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
