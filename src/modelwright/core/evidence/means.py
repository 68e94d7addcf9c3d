"""Intervals for the mean of what is never below 0 (errors, losses), and for a ratio of two such means.

No interval of a mean holds for every distribution: what no row has shown yet may be of any size (Bahadur & Savage
1956, Ann. Math. Stat. 27:1115). So an end is given where it can keep its promise, and left open elsewhere:

* a range that is known (declared, or of the metric itself) bounds it for every n, without any assumption;
* the lower end needs no range, for what is never below 0 can only be underestimated by what is not seen;
* an upper end without a range needs rows enough to see rare large errors (`least_rows`) and more than a few that
  carry them (`LEAST_EFFECTIVE`), and takes in what the tail of the errors forecasts (`_tail_mean`).

`docs/decisions/015-an-end-that-cannot-be-kept-is-left-open.md` has the figures.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.intervals import find_root

Floats = NDArray[np.float64]
OpenBounds = tuple[float | None, float | None]  # None: that end is open

BETTING = "betting"  # holds for every n: from a known range, or the lower end of what is never below 0
TILTING = "tilting"
METHODS = frozenset({BETTING, TILTING})

RARE = 1 / 50  # errors that befall fewer rows than this are not promised to be seen
LEAST_EFFECTIVE = 12.0  # (Σx)²/Σx²: by fewer rows than this, were they alike, no mean is known
TAIL_SHARE = 1 / 20  # the largest values, from which the tail is forecast
TAIL_DEVIATIONS = 2.0  # by how many standard errors the tail is taken as heavier than it looks
TAIL_ROWS = 10  # what befalls one row in ten times n is forecast; what is rarer still, is not
LEAST_INDEX = 0.3
HEAVY = 3.0  # a tail that may fall slower than x⁻³ takes half the error for the upper end


@cache
def least_rows(confidence: float) -> int:
    """Return the least n at which errors that befall one row in 50 are seen at least twice, all but surely.

    One sighting tells the size of such an error and not how sizes vary; none tells nothing. The chance of at most
    one is (1-p)ⁿ + n p (1-p)ⁿ⁻¹, held below (1 - confidence)/2.
    """
    tail = (1 - confidence) / 2

    def unseen(n: float) -> float:
        return math.pow(1 - RARE, n) * (1 + n * RARE / (1 - RARE)) - tail

    return math.ceil(find_root(lambda n: -unseen(n), 0.0, 1e5))


def method(n: int, confidence: float) -> str:
    """Return how the ends of a mean of n rows are made."""
    return TILTING if n >= least_rows(confidence) else BETTING


def mean(values: Floats, confidence: float, most: float | None = None) -> OpenBounds:
    """Return the ends of the mean behind a sample of values (n,) that are never below 0, nor above `most`.

    most: the largest value that there can be, None where nobody knows. Each end misses with at most about
    1 - confidence, and both together on average with that.
    """
    n, tail = len(values), (1 - confidence) / 2
    if n == 0:
        return None, None
    low, high = betting_low(values, tail), None if most is None else betting_high(values, most, tail)
    if n < least_rows(confidence) or not float(np.ptp(values)) > 1e-12 * float(values.max()):
        return low, high
    low = max(low, tilted_end(values, tail, -1.0))
    if effective_rows(values) >= LEAST_EFFECTIVE:
        end = _upper_end(values, tail)
        high = end if high is None else min(end, high)
    return low, high


def ratio(above: Floats, below: Floats, confidence: float, most: float | None = None) -> OpenBounds:
    """Return the ends of mean(above)/mean(below), row by row (n,), neither ever below 0, nor above `most`.

    A ratio θ is inside where the mean of above - θ·below may be 0 (Fieller 1954, JRSS B 16:175).
    """
    n, tail = len(above), (1 - confidence) / 2
    low: float | None = None
    high: float | None = None
    if most is not None:  # the two means each take half of the error
        least, largest = betting_low(below, tail / 2), betting_high(below, most, tail / 2)
        high = betting_high(above, most, tail / 2) / least if least > 0 else None
        low = betting_low(above, tail / 2) / largest
    seen = float(above.mean() / below.mean())
    enough = min(effective_rows(above), effective_rows(below)) >= LEAST_EFFECTIVE
    if n < least_rows(confidence) or not enough:
        return low, high

    def excess(theta: float, goal: float) -> float:
        return tilted_score(above - theta * below, 0.0) - goal

    # a heavy tail of what stands below makes the ratio smaller than it looks, one of what stands above larger
    first = -NormalDist().inv_cdf(1 - (tail / 2 if _is_heavy(above) else tail))
    last = NormalDist().inv_cdf(1 - (tail / 2 if _is_heavy(below) else tail))
    far = seen
    while excess(far, first) > 0 and far < 1e6 * seen:
        far *= 2
    upper = find_root(lambda theta: -excess(theta, first), seen, far)
    lower = find_root(lambda theta: -excess(theta, last), 0.0, seen) if excess(0.0, last) > 0 else 0.0
    # a heavy tail of what stands above makes the ratio larger than it looks, one of what stands below smaller
    upper = max(upper, _tail_mean(above) / float(below.mean()))
    lower = min(lower, float(above.mean()) / _tail_mean(below))
    return (lower if low is None else max(low, lower)), (upper if high is None else min(high, upper))


def effective_rows(values: Floats) -> float:
    """Return (Σx)²/Σx²: n where all are alike, 1 where one row carries everything."""
    total = float(values.sum())
    return total * total / float(values @ values) if total > 0 else 0.0


# -- every n: bets ---------------------------------------------------------------------------------------------


def betting_low(values: Floats, tail: float) -> float:
    """Return a lower end for the mean of what is never below 0: it misses with at most `tail`, whatever n is.

    Whoever bets a share c of what he has on the mean being larger than m multiplies it by 1 + c(x - m)/m a row, a
    fair game at best where m is the mean (Waudby-Smith & Ramdas 2024, JRSS B 86:1). So he has 1/tail or more with
    at most that chance (Ville), and the least m for which he has not is the end. Several shares c are bet at once,
    each on a part, which needs no order of the rows (Orabona & Jun 2024, IEEE Trans. Inf. Theory 70:436).
    """
    centre = float(values.mean())
    if not centre > 0:
        return 0.0

    def excess(m: float) -> float:  # falls in m
        return _log_wealth(values / m - 1, len(values)) + math.log(tail)

    if excess(centre) >= 0:  # no sample bets itself rich at its own mean, but for rounding
        return centre
    least = centre * tail
    while excess(least) < 0:
        least *= tail
    return find_root(lambda m: -excess(m), least, centre)


def low_of_ones(n: int, tail: float) -> float:
    """Return the lower end of a sample of ones, (n,)."""
    return betting_low(np.ones(n), tail)


def betting_high(values: Floats, most: float, tail: float) -> float:
    """Return an upper end for the mean of what lies in [0, most]: the lower one of what is left to `most`."""
    return most - betting_low(np.maximum(most - values, 0.0), tail)


def _log_wealth(gains: Floats, n: int) -> float:
    """Return the logarithm of what bets of 1, 1/2, 1/4 … of the wealth have become; gains: (n,), -1 or more."""
    shares = 0.5 ** np.arange(
        0, 2 + int(math.log2(n) / 2)
    )  # the smallest of about 1/(2√n), which noise allows
    with np.errstate(divide="ignore"):  # a bet of all of it may be lost
        logs = [float(np.log1p(share * gains).sum()) for share in shares]
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs) / len(logs))


# -- many rows: tilts ------------------------------------------------------------------------------------------


def tilted_score(values: Floats, mean: float) -> float:
    """Return how unlikely the sample's mean is where the true one is `mean`, as a standard normal score.

    The sample is reweighted by e^{tx} until it has that mean, and the chance to see what was seen under these
    weights follows from the saddlepoint formula (Barndorff-Nielsen's r*; DiCiccio & Romano 1990, Int. Stat. Rev.
    58:59). Below 0: the sample lies low.
    """
    low, high = float(values.min()), float(values.max())
    if not low < mean < high:  # no weights do
        return -math.inf if mean >= high else math.inf
    centre, spread = float(values.mean()), float(values.std())
    standard, goal = (values - centre) / spread, (mean - centre) / spread

    def tilted(t: float) -> float:
        weights = np.exp(t * standard - max(t * float(standard.max()), t * float(standard.min())))
        return float(weights @ standard / weights.sum())

    side = 1.0 if goal > 0 else -1.0
    far = abs(goal) + 1e-9
    while side * (tilted(side * far) - goal) < 0 and far < 1e9:
        far *= 2
    size = find_root(lambda t: side * (tilted(side * t) - goal), 0.0, far)
    return _score_of_tilt(standard, side * size)


def tilted_end(values: Floats, tail: float, side: float) -> float:
    """Return the mean, above (side 1) or below (-1) that of the sample (n,), at which its score is the tail's."""
    centre, spread = float(values.mean()), float(values.std())
    standard, goal = (values - centre) / spread, NormalDist().inv_cdf(1 - tail)

    def excess(t: float) -> float:  # rises with the size of the tilt
        return abs(_score_of_tilt(standard, side * t)) - goal

    far = goal / math.sqrt(len(values))
    while excess(far) < 0:
        far *= 2
    t = side * find_root(excess, 0.0, far)
    weights = np.exp(t * standard - float((t * standard).max()))
    return centre + spread * float(weights @ standard / weights.sum())


def _score_of_tilt(standard: Floats, t: float) -> float:
    """Return r* = r + ln(u/r)/r of a tilt t of standardised values (n,), the tail of their own mean 0.

    With K(t) = ln mean e^{tx}: r = -sign(t) √(2nK(t)) is the likelihood of the tilted sample, u = -t√n its score.
    """
    n = len(standard)
    u = -t * math.sqrt(n)
    if abs(u) < 1e-3:
        return u
    scaled = t * standard
    top = float(scaled.max())
    log_mean = top + math.log(float(np.exp(scaled - top).mean()))
    r = math.copysign(math.sqrt(max(2 * n * log_mean, 1e-300)), u)
    return r + math.log(u / r) / r


def _upper_end(values: Floats, tail: float) -> float:
    """Return the upper end of a sample with rows enough."""
    return max(tilted_end(values, tail / 2 if _is_heavy(values) else tail, 1.0), _tail_mean(values))


def _tail_index(values: Floats) -> tuple[float, float, int]:
    """Return how fast the tail falls, as x^-index, at its heaviest likely; where it begins, and its rows.

    Hill's estimate (1975, Ann. Stat. 3:1163) has a standard error of index/√rows.
    """
    rows = min(max(int(len(values) * TAIL_SHARE), 8), 200)
    ordered = np.sort(values)
    begins = float(ordered[-rows - 1])
    if not begins > 0:  # all but a few values are 0
        return math.inf, begins, rows
    spread = float(np.log(ordered[-rows:] / begins).sum())
    index = math.inf if spread == 0 else (rows - 1) / spread
    return max(index * (1 - TAIL_DEVIATIONS / math.sqrt(rows)), LEAST_INDEX), begins, rows


def _is_heavy(values: Floats) -> bool:
    return _tail_index(values)[0] < HEAVY


def _tail_mean(values: Floats) -> float:
    """Return the mean with the largest values replaced by what their tail forecasts on average.

    A sample without its rare large values looks calm. Its next largest ones show how the tail falls: beyond b as
    x^-a, so that the mean up to the value that one row in ten times n exceeds is b·(1 - q^(1-1/a))/(1 - 1/a), where
    q is the share of the tail that lies beyond that value.
    """
    index, begins, rows = _tail_index(values)
    if not begins > 0 or math.isinf(index):
        return float(values.mean())
    rest = float(np.sort(values)[:-rows].sum()) / len(values)
    slope, beyond = 1 - 1 / index, 1 / (TAIL_ROWS * rows)
    times = -math.log(beyond) if abs(slope) < 1e-6 else (1 - beyond**slope) / slope
    return rest + rows / len(values) * begins * times
