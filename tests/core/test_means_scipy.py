"""The intervals of means say what their sources' formulas say, put together here from SciPy's parts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import logsumexp

from modelwright.core.evidence import means

TAIL = (1 - 0.95) / 2


def light(seed: int, n: int = 400, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).exponential(size=n)


def calm(seed: int, n: int = 400, scale: float = 1.0) -> np.ndarray:
    return scale * (1 + np.random.default_rng(seed).random(n))


def heavy(seed: int, n: int = 400, scale: float = 1.0) -> np.ndarray:
    return scale * (1 + np.random.default_rng(seed).pareto(2.0, size=n))


def score(values: np.ndarray, mean: float) -> float:
    """Barndorff-Nielsen's r* of the sample's own mean, where the sample is tilted until its mean is `mean`."""
    n, spread = len(values), float(values.std())
    apart = (values - mean) / spread

    def tilted(t: float) -> float:
        weights = np.exp(t * apart - (t * apart).max())
        return float(weights @ apart / weights.sum())

    t = brentq(tilted, -60.0, 60.0, xtol=1e-14)
    # the tilted family's cumulant function at the way back, -t, to the sample as it is: its variance there is 1
    log_mgf = float(logsumexp(t * (values - values.mean()) / spread) - math.log(n))
    r, u = math.copysign(math.sqrt(2 * n * log_mgf), -t), -t * math.sqrt(n)
    return r + math.log(u / r) / r


@pytest.mark.parametrize("values", [light(0), calm(1), light(2, 60, 1e-5), light(3, 90, 1e5)])
@pytest.mark.parametrize("away", [-4.0, -2.0, -0.5, 0.5, 2.0, 4.0])
def test_the_score_of_a_mean(values, away):
    mean = float(values.mean() + away * values.std() / math.sqrt(len(values)))
    assert means.tilted_score(values, mean) == pytest.approx(score(values, mean), rel=1e-6)
    assert (means.tilted_score(values, mean) < 0) == (away > 0)  # below 0: the sample lies low


def test_the_score_of_what_no_weights_give():
    values = np.array([1.0, 2.0, 4.0])
    assert [means.tilted_score(values, mean) for mean in (0.5, 1.0)] == [math.inf, math.inf]
    assert [means.tilted_score(values, mean) for mean in (4.0, 5.0)] == [-math.inf, -math.inf]
    assert means.tilted_score(values, float(values.mean())) == pytest.approx(0, abs=1e-6)
    # a weight of nearly all on one value: the saddlepoint is far out, and is found
    assert means.tilted_score(values, 3.999999) < -3 < 3 < means.tilted_score(values, 1.000001)


@pytest.mark.parametrize("values", [light(4), heavy(5), light(6, 300, 1e-7), heavy(7, 2000, 1e4)])
@pytest.mark.parametrize("tail", [0.1, 0.025, 0.0005])
def test_the_end_is_the_mean_of_that_score(values, tail):
    centre, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    goal = stats.norm.isf(tail)
    low = brentq(lambda m: score(values, m) - goal, centre - 6 * error, centre - 0.1 * error)
    high = brentq(lambda m: score(values, m) + goal, centre + 0.1 * error, centre + 12 * error)
    assert means.tilted_end(values, tail, -1.0) == pytest.approx(low, rel=1e-6)
    assert means.tilted_end(values, tail, 1.0) == pytest.approx(high, rel=1e-6)


# -- bets ----------------------------------------------------------------------------------------------------


def wealth(values: np.ndarray, m: float) -> float:
    """What bets of 1, 1/2, 1/4 … down to about 1/(2√n) on a mean above m have become, on average."""
    last = 1 + int(math.log2(len(values)) / 2)
    return float(np.mean([np.prod(1 + 0.5**k * (values / m - 1)) for k in range(last + 1)]))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20, 63, 64])
@pytest.mark.parametrize("tail", [0.1, 0.025])
def test_the_lower_end_is_where_a_bettor_has_become_rich(n, tail):
    values = light(n, n)
    low = brentq(lambda m: math.log(wealth(values, m)) + math.log(tail), 1e-3 * values.mean(), values.mean())
    assert means.betting_low(values, tail) == pytest.approx(low, rel=1e-7)
    high = 9.0 - brentq(
        lambda m: math.log(wealth(9.0 - values, m)) + math.log(tail), 0.1, 9.0 - values.mean()
    )
    assert means.betting_high(values, 9.0, tail) == pytest.approx(high, rel=1e-7)


def test_one_row_bets_all_and_half_of_the_wealth():
    """One row x makes (x/m + (1 + x/m)/2)/2 of 1: rich, 1/tail, where x/m = (4/tail - 1)/3."""
    assert means.betting_low(np.array([3.0]), 0.025) == pytest.approx(3 * 3 / 159, rel=1e-9)


def test_bets_at_their_edges():
    assert means.betting_low(np.zeros(5), TAIL) == 0
    assert means.betting_low(np.array([0.0, 1e-300]), TAIL) > 0
    assert means.betting_high(np.full(5, 2.0), 2.0, TAIL) == 2.0
    # more than the declared most counts as the most
    assert means.betting_high(np.array([1.0, 3.0]), 2.0, TAIL) == means.betting_high(
        np.array([1.0, 2.0]), 2.0, TAIL
    )


# -- the tail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [heavy(8), heavy(9, 100), heavy(10, 9000), light(11)])
def test_the_tail_is_hills(values):
    n = len(values)
    rows = {100: 8, 400: 20, 9000: 200}[n]  # a twentieth, at least 8 and at most 200
    ordered = np.sort(values)[::-1]
    hill = 1 / np.mean(np.log(ordered[:rows] / ordered[rows]))
    unbiased = hill * (rows - 1) / rows
    index, begins, counted = means._tail_index(values)
    assert (begins, counted) == (ordered[rows], rows)
    assert index == pytest.approx(unbiased * (1 - 2 / math.sqrt(rows)), rel=1e-9)
    assert means._is_heavy(values) == (index < 3)
    # the mean of the tail, up to the value that one row in ten times n exceeds: the integral of its quantiles
    forecast = quad(lambda u: ordered[rows] * u ** (-1 / index), 1 / (10 * rows), 1)[0]
    expected = (ordered[rows:].sum() + rows * forecast) / n
    assert means._tail_mean(values) == pytest.approx(expected, rel=1e-6)


def test_tails_at_their_edges():
    zeros = np.zeros(400)
    zeros[:3] = 5.0
    assert means._tail_index(zeros) == (math.inf, 0.0, 20)
    assert means._tail_mean(zeros) == pytest.approx(zeros.mean())
    assert not means._is_heavy(zeros)
    alike = np.full(400, 2.0)
    assert means._tail_index(alike) == (math.inf, 2.0, 20)
    assert means._tail_mean(alike) == pytest.approx(2.0)
    wild = 10.0 ** (np.arange(400.0) / 2 - 100)
    assert means._tail_index(wild)[0] == means.LEAST_INDEX
    # exactly x⁻¹ with the standard errors off: the integral of 1/u is a logarithm
    rows, begins = 20, 1.0
    one = np.concatenate([np.full(380, begins), np.exp(np.full(20, 19 / 20 * (1 - 2 / math.sqrt(20))))])
    assert means._tail_index(one)[0] == pytest.approx(1.0)
    assert means._tail_mean(one) == pytest.approx((380 + rows * math.log(10 * rows)) / 400)


# -- what the ends of a mean are made of ---------------------------------------------------------------------


def test_rows_enough_take_the_tighter_lower_end():
    values = calm(12)
    assert not means._is_heavy(values)
    bet, tilt = means.betting_low(values, TAIL), means.tilted_end(values, TAIL, -1.0)
    low, high = means.mean(values, 0.95)
    assert low == max(bet, tilt) == tilt
    assert high == max(means.tilted_end(values, TAIL, 1.0), means._tail_mean(values))
    assert means.method(277, 0.95) == "tilting"
    assert means.method(276, 0.95) == "betting"


@pytest.mark.parametrize("n", [276, 277])
def test_from_how_many_rows_on_an_upper_end_needs_no_range(n):
    low, high = means.mean(light(13, n), 0.95)
    assert (high is None) == (n == 276)
    if n == 276:
        assert low == means.betting_low(light(13, n), TAIL)


def test_a_heavy_tail_takes_half_the_error_for_its_end():
    values = heavy(14)
    assert means._is_heavy(values)
    assert means._upper_end(values, TAIL) == max(
        means.tilted_end(values, TAIL / 2, 1.0), means._tail_mean(values)
    )
    between = light(12)
    assert means._is_heavy(between)
    assert (
        means._upper_end(between, TAIL)
        == means.tilted_end(between, TAIL / 2, 1.0)
        > means._tail_mean(between)
    )
    # a tail so heavy that its forecast is larger than the tilted end
    wilder = 1 + np.random.default_rng(15).pareto(0.9, size=400)
    assert (
        means._upper_end(wilder, TAIL) == means._tail_mean(wilder) > means.tilted_end(wilder, TAIL / 2, 1.0)
    )


def test_a_range_and_rows_enough_take_the_tighter_upper_end():
    values = light(16)
    alone = means.mean(values, 0.95)[1]
    assert means.mean(values, 0.95, 1e6)[1] == alone < means.betting_high(values, 1e6, TAIL)
    wilder = heavy(17)
    wilder = wilder / wilder.max()
    bet = means.betting_high(wilder, 1.0, TAIL)
    assert means.mean(wilder, 0.95, 1.0)[1] == min(bet, means._upper_end(wilder, TAIL))


def test_rows_of_one_value_have_no_spread_to_tilt():
    alike = np.full(400, 0.1)  # summed and divided, a mean one bit away
    assert means.mean(alike, 0.95) == (means.betting_low(alike, TAIL), None)
    assert means.mean(np.array([]), 0.95, 1.0) == (None, None)


def test_effective_rows():
    assert means.effective_rows(np.full(7, 0.3)) == pytest.approx(7)
    assert means.effective_rows(np.array([0.0, 5.0, 0.0])) == pytest.approx(1)
    assert means.effective_rows(np.array([1.0, 2.0])) == pytest.approx(9 / 5)
    assert means.effective_rows(np.zeros(3)) == 0


def test_twelve_rows_that_carry_everything_are_enough():
    def carried(by: int) -> np.ndarray:
        values = np.zeros(400)
        values[:by] = 1.0
        return values

    assert means.mean(carried(11), 0.95)[1] is None
    assert means.mean(carried(12), 0.95)[1] == means._upper_end(carried(12), TAIL)


# -- ratios --------------------------------------------------------------------------------------------------


def root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-13))


@pytest.mark.parametrize(
    ("above", "below", "parts"),
    [
        (calm(20), calm(21), (1, 1)),
        (heavy(22), calm(23), (2, 1)),  # a heavy tail above takes half the error of the upper end
        (calm(24, 400, 1e-4), heavy(25), (1, 2)),  # one below, of the lower end
        (heavy(36), heavy(37), (2, 2)),
        (light(38), calm(39), (2, 1)),  # the tail is taken as heavy, and yet forecasts less than the tilt
        (calm(40), light(41), (1, 2)),
        (calm(26, 400, 1e4), calm(27, 400, 1e-3), (1, 1)),
    ],
)
def test_the_ends_of_a_ratio_are_fiellers(above, below, parts):
    """θ is inside where the mean of above - θ·below may be 0."""
    assert (means._is_heavy(above), means._is_heavy(below)) == (parts[0] == 2, parts[1] == 2)
    seen = above.mean() / below.mean()
    error = float((above - seen * below).std() / below.mean() / math.sqrt(400))
    upper = root(
        lambda x: score(above - x * below, 0.0) + stats.norm.isf(TAIL / parts[0]),
        seen + error,
        seen + 4 * error,
    )
    lower = root(
        lambda x: score(above - x * below, 0.0) - stats.norm.isf(TAIL / parts[1]),
        seen - 4 * error,
        seen - error,
    )
    upper = max(upper, means._tail_mean(above) / below.mean())
    lower = min(lower, above.mean() / means._tail_mean(below))
    assert means.ratio(above, below, 0.95) == pytest.approx((lower, upper), rel=1e-6)
    # a range so wide that its ends say less changes nothing
    assert means.ratio(above, below, 0.95, 1e3 * max(above.max(), below.max())) == pytest.approx(
        (lower, upper), rel=1e-6
    )


@pytest.mark.parametrize("n", [10, 276])
def test_few_rows_of_a_ratio_rest_on_the_range(n):
    above, below = light(28, n) % 1, 0.5 + light(29, n) % 0.5
    half = TAIL / 2  # each of the two means takes half of the error
    low, high = means.ratio(above, below, 0.95, 1.0)
    assert low == means.betting_low(above, half) / means.betting_high(below, 1.0, half)
    assert high == means.betting_high(above, 1.0, half) / means.betting_low(below, half)
    assert means.ratio(above, below, 0.95) == (None, None)


def test_a_ratio_over_what_may_be_nothing_has_no_upper_end():
    above = light(30, 20) % 1
    assert means.ratio(np.zeros(20), above, 0.95, 1.0)[0] == 0


def test_a_ratio_that_few_rows_carry_is_open():
    below = light(31) + 1
    for by, known in ((11, False), (12, True)):
        above = np.zeros(400)
        above[:by] = 1.0
        low, high = means.ratio(above, below, 0.95)
        assert (low is not None, high is not None) == (known, known)
    assert means.ratio(light(32, 277), light(33, 277) + 1, 0.95)[1] is not None


def test_a_ratio_takes_the_tighter_of_two_ends():
    """In a range that the rows nearly fill, the bets are not the tighter ones; ends never cross what was seen."""
    above, below = light(34) % 1, 0.5 + light(35) % 0.5
    free, bound = means.ratio(above, below, 0.95), means.ratio(above, below, 0.95, 1.0)
    half = TAIL / 2
    low = means.betting_low(above, half) / means.betting_high(below, 1.0, half)
    high = means.betting_high(above, 1.0, half) / means.betting_low(below, half)
    assert bound == (max(free[0], low), min(free[1], high))
    # where a few large values leave much to forecast, the range says more
    wild = 1 + np.random.default_rng(0).pareto(1.5, size=277)
    wild, rest = wild / wild.max(), (1 + np.random.default_rng(50).random(277)) / 2
    for one, other, sides in ((wild, rest, (False, True)), (rest, wild, (True, True))):
        free, bound = means.ratio(one, other, 0.95), means.ratio(one, other, 0.95, 1.0)
        low = means.betting_low(one, half) / means.betting_high(other, 1.0, half)
        high = means.betting_high(one, 1.0, half) / means.betting_low(other, half)
        assert bound == (max(free[0], low), min(free[1], high))
        assert (bound[0] == low, bound[1] == high or high > free[1]) == sides
