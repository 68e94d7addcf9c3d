"""Intervals: what a sample says about the value behind it.

A gate that passes on the lower end (or fails on the upper) errs with the probability that the interval misses
on that side. The intervals here were chosen so that this is at most 1 - confidence, which
`benchmarks/gate_errors.py` simulates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Bounds = tuple[float, float]
Floats = NDArray[np.float64]


def normal_quantile(confidence: float) -> float:
    """Return z such that a standard normal lies in [-z, z] with this probability."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: float, n: float, confidence: float) -> Bounds:
    """Return Wilson's score interval for a proportion (Wilson 1927, JASA 22:209).

    Good for showing. A gate uses `proportion`: near 0 and 1 Wilson's interval misses up to 16 % on one side
    at confidence 0.95 (17 rows, true share 0.9897: one error puts its upper end at 0.9896).
    """
    # the score equation |k/n - p| = z √(p(1-p)/n), squared, is quadratic in p: its roots are the ends
    z2 = normal_quantile(confidence) ** 2
    share = successes / n
    centre = share + z2 / (2 * n)
    half = math.sqrt(z2 * share * (1 - share) / n + (z2 / (2 * n)) ** 2)
    return max(0.0, (centre - half) / (1 + z2 / n)), min(1.0, (centre + half) / (1 + z2 / n))


def proportion(successes: float, n: float, confidence: float) -> Bounds:
    """Return the mid-P interval for a proportion (Lancaster 1961, JASA 56:223; Berry & Armitage 1995).

    It inverts P(X > x) + P(X = x)/2 = a/2 with a = 1 - confidence. Where that holds, P(X >= x) =
    a/2 + P(X = x)/2 <= a/2 + P(X >= x)/2, so P(X >= x) <= a: each end misses with probability at most a, for
    every n and every true share, which is what a gate promises. On average both ends together miss about a.
    Takes real numbers, so that a search over n can hold the share fixed.
    """

    def score(share: float) -> float:
        return _score(mid_p(successes, n, share))

    # the ends lie on either side of what was seen, where the tail is about a half
    middle = min(max(successes / n, 1e-12), 1 - 1e-12)
    z = _score((1 - confidence) / 2)
    # on the scale of scores the tail is nearly linear in the share, so that the secant needs few steps
    low = 0.0 if successes <= 0 else find_root(lambda share: score(share) - z, 0.0, middle)
    high = 1.0 if successes >= n else find_root(lambda share: score(share) + z, middle, 1.0)
    return low, high


def mid_p(successes: float, n: float, share: float) -> float:
    """Return P(X > x) + P(X = x)/2 for X ~ Bin(n, share): rising in the share, falling in x."""
    # P(X > x) = I_p(x + 1, n - x) (DLMF 8.17.5), which takes real x and n as they are
    return incomplete_beta(share, successes + 1, n - successes) + _pmf(successes, n, share) / 2


def sum_of_errors(errors: Floats, rows: Floats, weights: Floats, confidence: float) -> Bounds:
    """Return an interval for Σ w·n·p, where stratum i of n_i rows has an unknown error rate p_i.

    errors, rows, weights: (k,) counts of errors, counts of rows (> 0), what one error adds (below 0: takes
    off). So the mean of class recalls is 1 minus such a sum with w = 1/(classes · n). Each end is the value
    whose mid-P tail is (1 - confidence)/2 under the most likely rates that give this value (the constrained
    maximum-likelihood estimate; Chuang & Lai 2000, Statistica Sinica 10:1), by the saddlepoint formula of
    Lugannani & Rice (1980, Adv. Appl. Prob. 12:475). One stratum gives `proportion`; a stratum without errors
    still widens the interval. Combining the strata's own Wilson intervals by MOVER (Zou & Donner 2008) misses
    on one side up to 18 % at confidence 0.95 (77 classes of 17 rows each), and this up to 5 %.
    """
    # one stratum: the exact tail instead of the saddlepoint formula
    if len(rows) == 1 and weights[0] > 0:
        low, high = proportion(float(errors[0]), float(rows[0]), confidence)
        return low * float(rows[0] * weights[0]), high * float(rows[0] * weights[0])
    # (k,) · (k,): the sum that was seen, and the least and most that could be (weights may be negative)
    seen = float(weights @ errors)
    least, most = float(np.minimum(weights, 0) @ rows), float(np.maximum(weights, 0) @ rows)
    z = _score((1 - confidence) / 2)
    scale = float(1 / np.abs(weights * rows).mean())  # makes the multiplier a number of order n

    def end(sign: float) -> float:
        def excess(multiplier: float) -> float:
            below = _lower_tail(
                _rates(sign * multiplier * scale, errors, rows, weights), errors, rows, weights
            )
            return _score(below if sign < 0 else 1 - below) - z

        # the multiplier has no bound: double it until the tail has passed its goal
        far = 1.0
        while excess(far) > 0 and far < 1e15:
            far *= 4
        rates = _rates(sign * find_root(excess, 0.0, far) * scale, errors, rows, weights)
        return float(weights @ (rows * rates))

    return (end(1.0) if seen > least else least), (end(-1.0) if seen < most else most)


def mean(values: Floats, confidence: float) -> Bounds | None:
    """Return an interval for the mean behind a sample, None where the sample shows no spread.

    Hall's transformation removes the skewness of Student's ratio (Hall 1992, JRSS B 54:221), with Student's
    quantile. Simulated on squared errors (normal, Laplace, t5; n = 30 to 1500) it misses on each side as
    bootstrap-t does (2 to 5 % from n = 100 on), where the percentile bootstrap and BCa miss up to 12 and 8 %.
    """
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    centre = float(values.mean()) if n else 0.0
    if not spread > 1e-12 * abs(centre):
        return None
    # the skewness γ of the mean: that of one value over √n
    skew = float(np.mean(((values - centre) / spread) ** 3)) / math.sqrt(n)
    quantile = student_quantile(confidence, n - 1)

    # inverts T + γT²/3 + γ²T³/27 + γ/6, Hall's cubic of Student's ratio T, which is (1 + γT/3)³ less a constant
    def ratio(q: float) -> float:
        if abs(skew) < 1e-6:
            return q
        return (math.copysign(abs(c := 1 + skew * (q - skew / 6)) ** (1 / 3), c) - 1) / (skew / 3)

    # the standard error of the mean
    step = spread / math.sqrt(n)
    return centre - step * ratio(quantile), centre - step * ratio(-quantile)


def quantile_positions(n: int, quantile: float, confidence: float) -> tuple[int | None, int | None]:
    """Return the positions (from 0) in a sorted sample that bound a quantile; None where n is too small.

    Distribution-free: the count of values below the quantile is binomial, so that each end misses with
    probability at most (1 - confidence)/2 (David & Nagaraja 2003, Order Statistics, section 7.1).
    """
    tail = (1 - confidence) / 2

    def at_most(count: int) -> float:  # P(Bin(n, quantile) <= count)
        return incomplete_beta(1 - quantile, n - count, count + 1)

    if n == 0:
        return None, None
    # X₍r₎ is above the quantile with P(Bin(n, q) < r): the last position with a tail of at most half the error
    low = _last(n, lambda position: at_most(position) <= tail)
    high = _last(n, lambda position: at_most(position) < 1 - tail)
    above = 0 if high is None else high + 1
    return low, (above if above < n else None)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), a and b > 0 (DLMF 8.17.22)."""
    if x <= 0 or b <= 0:  # b = 0 stands for its limit below 1: P(X > n) of a binomial, at a share of 1 too
        return 0.0
    if x >= 1:
        return 1.0
    # x^a (1-x)^b / B(a, b), by logarithms, since each factor alone may leave the floats
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x > (a + 1) / (a + b + 2):  # where the fraction of the mirror image converges fast
        return 1 - front * _beta_fraction(1 - x, b, a) / b
    return front * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    # Lentz's method: the fraction from the front, as a product of ratios c·d that tend to 1
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000 + int(10 * math.sqrt(a + b))):
        # the even and the odd coefficient (DLMF 8.17.23)
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value


def _pmf(x: float, n: float, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(x == (0 if share <= 0 else n))
    # ln (n over x), so that huge counts do not overflow
    choose = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
    return math.exp(choose + x * math.log(share) + (n - x) * math.log1p(-share))


def _score(probability: float) -> float:
    """Return the normal quantile of a tail: a scale on which tails are nearly linear, for `find_root`."""
    return NormalDist().inv_cdf(min(max(probability, 1e-300), 1 - 1e-16))


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root between two ends of unlike sign: the Illinois secant, halving where that is slow.

    Where `low` is a root itself (an area of exactly 1 has nowhere to go), it is the one returned.
    """
    at_low, at_high = function(low), function(high)
    if at_low == 0:
        return low
    side = 0
    for turn in range(200):
        if high - low <= 1e-12 + 1e-10 * abs(high):
            break
        # two turns of eight halve, so that a flat function takes 200 turns at most; no secant has an infinite height
        slow = turn % 8 >= 6 or at_high == at_low or math.isinf(at_high) or math.isinf(at_low)
        middle = (low + high) / 2 if slow else high - at_high * (high - low) / (at_high - at_low)
        middle = min(max(middle, low), high)
        at_middle = function(middle)
        if abs(at_middle) <= 1e-10:
            return middle
        if (at_middle > 0) == (at_high > 0):
            high, at_high = middle, at_middle
            # Illinois: an end that stays twice gets half its height, else the secant creeps (Dowell & Jarratt 1971)
            at_low, side = (at_low / 2 if side > 0 else at_low), 1
        else:
            low, at_low = middle, at_middle
            at_high, side = (at_high / 2 if side < 0 else at_high), -1
    return (low + high) / 2


def _last(n: int, holds: Callable[[int], bool]) -> int | None:
    """Return the last of the positions 0 … n-1 at which a falling condition holds, None without one."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low if low >= 0 else None


def student_quantile(confidence: float, degrees: float) -> float:
    """Return Student's t quantile for a two-sided confidence (Abramowitz & Stegun 26.7.5)."""
    # Student's quantile as the normal one plus corrections in 1/v; four terms
    z, v = normal_quantile(confidence), degrees
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def _rates(multiplier: float, errors: Floats, rows: Floats, weights: Floats) -> Floats:
    """Return the most likely error rates under a Lagrange multiplier on Σ w·n·p: k/p - (n-k)/(1-p) = m·w·n.

    That is the quadratic a p² - (n + a) p + k = 0 with a = m·w·n, whose root in [0, 1] is wanted.
    """
    # (k,) each; the smaller root by the form that does not cancel
    a = multiplier * weights * rows
    b = rows + a
    root = np.sqrt(np.maximum(b * b - 4 * a * errors, 0))
    flipped = np.where(b < 0, a, 1.0)
    return np.clip(
        np.where(b < 0, (b - root) / (2 * flipped), 2 * errors / np.maximum(b + root, 1e-300)), 0, 1
    )


def _lower_tail(rates: Floats, errors: Floats, rows: Floats, weights: Floats) -> float:
    """Return P(S < s) + P(S = s)/2 for S = Σ w·Bin(n, p) and the s that was seen."""
    open_ = (rates > 0) & (rates < 1)
    # strata with a rate of 0 or 1 do not vary: only the others (k,) are summed
    p, n, k, w = rates[open_], rows[open_], errors[open_], weights[open_]
    chance = float(np.exp(k @ np.log(p) + (n - k) @ np.log1p(-p)))
    if (k == np.where(w > 0, 0, n)).all():  # the least that can be seen
        return chance / 2
    if (k == np.where(w > 0, n, 0)).all():  # the most
        return 1 - chance / 2
    seen, unit = float(w @ k), float(np.abs(w).max())
    w, seen = w / unit, seen / unit
    low, high, t = -1e6, 1e6, 0.0
    for _ in range(100):  # K'(t) = s, by Newton's method inside a shrinking bracket
        tilted = p / (p + (1 - p) * np.exp(np.clip(-w * t, -700, 700)))
        slope, bend = float(n @ (w * tilted)) - seen, float(n @ (w * w * tilted * (1 - tilted)))
        low, high = (low, t) if slope > 0 else (t, high)
        step = slope / bend if bend > 1e-300 else math.inf
        following = t - step if low < t - step < high else (low + high) / 2
        if abs(following - t) <= 1e-10 * (1 + abs(t)):
            break
        t = following
    # Lugannani & Rice: r and u measure the distance to the mean by likelihood and by the tilted spread
    u = t * math.sqrt(bend)
    if abs(u) < 1e-4:
        return 0.5
    # K(t) = Σ n ln(1 - p + p e^{wt}), by log-sum-exp
    log_mgf = float(n @ np.logaddexp(np.log1p(-p), np.log(p) + w * t))
    r = math.copysign(math.sqrt(max(2 * (t * seen - log_mgf), 0.0)), t)
    normal = NormalDist()
    return min(max(normal.cdf(r) + normal.pdf(r) * (1 / r - 1 / u), 0.0), 1.0)
