"""The hand-written distributions and intervals agree with SciPy's, a peer that nothing of ours imports."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from scipy.special import betainc, logsumexp, xlog1py, xlogy

from modelwright.core.evidence import intervals

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.floats(1e-4, 1 - 1e-4)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.9999])
def test_the_normal_quantile(confidence):
    assert intervals.normal_quantile(confidence) == pytest.approx(stats.norm.ppf((1 + confidence) / 2))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("degrees", "rel"), [(10, 2e-3), (30, 1e-4), (100, 2e-6), (2000, 1e-8)])
def test_students_quantile(confidence, degrees, rel):
    """Four terms of an expansion in 1/degrees: what it loses shrinks with its fourth power."""
    expected = stats.t.ppf((1 + confidence) / 2, degrees)
    assert intervals.student_quantile(confidence, degrees) == pytest.approx(expected, rel=rel)


@given(shares, st.floats(0.5, 3000), st.floats(0.5, 3000))
def test_the_incomplete_beta_function(x, a, b):
    assert intervals.incomplete_beta(x, a, b) == pytest.approx(betainc(a, b, x), rel=1e-7, abs=1e-12)


@given(counts, shares)
def test_the_mid_p_tail_of_the_binomial(count, share):
    k, n = count
    law = stats.binom(n, share)
    assert intervals.mid_p(k, n, share) == pytest.approx(law.sf(k) + law.pmf(k) / 2, rel=1e-7, abs=1e-12)


@given(counts)
def test_the_mid_p_interval(count):
    k, n = count
    low, high = intervals.proportion(k, n, 0.95)

    def tail(share: float) -> float:
        return stats.binom.sf(k, n, share) + stats.binom.pmf(k, n, share) / 2

    expected_low = 0.0 if k == 0 else brentq(lambda p: tail(p) - 0.025, 1e-12, k / n)
    expected_high = 1.0 if k == n else brentq(lambda p: tail(p) - 0.975, k / n, 1 - 1e-12)
    assert (low, high) == pytest.approx((expected_low, expected_high), abs=1e-7)


@given(st.integers(1, 2000), st.floats(0.01, 0.99), st.sampled_from([0.9, 0.95, 0.99]))
def test_positions_of_order_statistics(n, quantile, confidence):
    """The lower position is the last with P(Bin(n, q) ≤ r) ≤ tail, the upper the first with ≥ 1 - tail, plus one."""
    tail = (1 - confidence) / 2
    below = stats.binom.cdf(np.arange(n), n, quantile)
    low, high = intervals.quantile_positions(n, quantile, confidence)
    assert low == (None if below[0] > tail + 1e-12 else int(np.flatnonzero(below <= tail + 1e-12)[-1]))
    under = np.flatnonzero(below < 1 - tail - 1e-12)
    above = 0 if not len(under) else int(under[-1]) + 1
    assert high == (above if above < n else None)


@pytest.mark.parametrize(
    ("errors", "rows", "weights"),
    [([3.0, 1.0], [40.0, 25.0], [1.0, 2.0]), ([0.0, 2.0, 1.0], [20.0, 30.0, 15.0], [1.0, 1.0, 3.0])],
)
def test_the_saddlepoint_tail_is_that_of_the_exact_sum(errors, rows, weights):
    """Compare P(S < s) + P(S = s)/2 with the convolution of the strata's binomials."""
    rates = np.array([0.05, 0.08, 0.06][: len(rows)])
    exact = np.ones(1)
    for n, p, w in zip(rows, rates, weights, strict=True):
        spaced = np.zeros(int(n * w) + 1)
        spaced[:: int(w)] = stats.binom.pmf(np.arange(int(n) + 1), int(n), p)
        exact = np.convolve(exact, spaced)
    seen = int(np.dot(weights, errors))
    expected = exact[:seen].sum() + exact[seen] / 2
    found = intervals._lower_tail(rates, np.array(errors), np.array(rows), np.array(weights))
    assert found == pytest.approx(expected, abs=0.02)


def test_the_interval_of_a_sum_is_that_of_the_exact_mid_p_where_one_stratum_is_split():
    """Two strata of one rate and one weight are, nearly, one stratum of both: SciPy's exact interval is near."""
    low, high = intervals.sum_of_errors(
        np.array([4.0, 5.0]), np.array([90.0, 110.0]), np.array([0.005, 0.005]), 0.95
    )
    expected = stats.binomtest(9, 200).proportion_ci(0.95, "exact")
    assert expected.low < low < high < expected.high  # mid-P lies a little inside Clopper-Pearson
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_a_mean_without_skew_has_scipys_interval():
    half = np.random.default_rng(0).normal(size=100)
    values = np.concatenate([half, -half]) + 3.0
    expected = stats.t.interval(0.95, 199, loc=values.mean(), scale=stats.sem(values))
    assert intervals.mean(values, 0.95) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (5, 5), (16, 17), (40, 100), (999, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilsons_interval(k, n, confidence):
    expected = stats.binomtest(k, n).proportion_ci(confidence, "wilson")
    assert intervals.wilson(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert intervals.wilson(k, n, confidence)[0] >= 0
    assert intervals.wilson(k, n, confidence)[1] <= 1


@pytest.mark.parametrize("x", [1e-6, 0.01, 0.4999, 0.5, 0.7, 0.999999])
@pytest.mark.parametrize(
    ("a", "b"), [(1e-3, 2.0), (0.5, 0.5), (3.0, 2.5), (900.0, 4.0), (4e5, 6e5), (1.0, 1e6)]
)
def test_the_incomplete_beta_function_of_small_and_large_parameters(x, a, b):
    assert intervals.incomplete_beta(x, a, b) == pytest.approx(betainc(a, b, x), rel=2e-8, abs=1e-14)


def test_the_incomplete_beta_function_beyond_its_range():
    assert [intervals.incomplete_beta(x, 2.0, 3.0) for x in (-0.5, 1.5)] == [0.0, 1.0]
    assert intervals.incomplete_beta(0.5, 3.0, 0.0) == 0.0  # P(X > n) of a binomial
    assert intervals.incomplete_beta(1.0, 3.0, 0.0) == 0.0


def test_a_binomial_of_a_share_of_0_or_1():
    assert [intervals.mid_p(x, 4, 0.0) for x in (0, 1, 4)] == [0.5, 0, 0]
    assert [intervals.mid_p(x, 4, 1.0) for x in (0, 3, 4)] == [1, 1, 0.5]


@pytest.mark.parametrize("n", [2, 3, 10, 200])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_mean_of_a_skewed_sample_inverts_halls_cubic(n, confidence):
    """The ends are the means at which T + γT²/3 + γ²T³/27 + γ/6 is Student's quantile or less it."""
    values = np.random.default_rng(n).exponential(size=n)
    skew = float(stats.skew(values) * ((n - 1) / n) ** 1.5 / math.sqrt(n))
    error = float(stats.sem(values))
    quantile = intervals.student_quantile(confidence, n - 1)

    def mean_at(q: float) -> float:
        cubic = [skew**2 / 27, skew / 3, 1.0, skew / 6 - q]
        (ratio,) = [root.real for root in np.roots(cubic) if abs(root.imag) < 1e-9]
        return float(values.mean() - ratio * error)

    assert intervals.mean(values, confidence) == pytest.approx(
        (mean_at(quantile), mean_at(-quantile)), rel=1e-7
    )


# -- sums of strata ----------------------------------------------------------------

STRATA = {
    "two": ([3.0, 1.0], [40.0, 25.0], [0.02, 0.03]),
    "none-in-one": ([0.0, 4.0, 2.0], [17.0, 80.0, 30.0], [1 / 51, 1 / 240, 1 / 90]),
    "opposite": ([9.0, 3.0], [200.0, 150.0], [0.005, -1 / 150]),
    "large": ([30.0, 1.0], [40000.0, 100.0], [1 / 80000, 1 / 200]),
    "small-weights": ([2.0, 5.0], [30.0, 50.0], [1e-7, 2e-7]),
    "large-weights": ([2.0, 5.0], [30.0, 50.0], [1e6, 3e6]),
    "nearly-all": ([39.0, 24.0], [40.0, 25.0], [0.02, 0.03]),
}


def likely_rates(multiplier: float, k: np.ndarray, n: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The roots in [0, 1] of a p² - (n + a) p + k = 0, a = multiplier · w · n: where k/p - (n-k)/(1-p) = a."""
    found = []
    for one_k, one_n, a in zip(k, n, multiplier * w * n, strict=True):
        roots = [one_k / one_n] if a == 0 else np.roots([a, -(one_n + a), one_k]).real
        inside = [root for root in roots if -1e-12 <= root <= 1 + 1e-12]
        # of two in range (0 or 1 is one where nothing, or everything, was seen), the likelier
        found.append(
            max(inside, key=lambda p: xlogy(one_k, max(p, 0)) + xlog1py(one_n - one_k, -min(p, 1)) - a * p)
        )
    return np.clip(np.array(found), 0, 1)


def lugannani_rice(p: np.ndarray, k: np.ndarray, n: np.ndarray, w: np.ndarray) -> float:
    """P(S < s) + P(S = s)/2 of S = Σ w·Bin(n, p): formula (1) of the paper, with SciPy's root and normal."""
    moves = (p > 0) & (p < 1)
    p, k, n, w = p[moves], k[moves], n[moves], w[moves]
    w = w / np.abs(w).max()

    def log_mgf(t: float) -> np.ndarray:
        return logsumexp([np.log1p(-p), np.log(p) + w * t], axis=0)

    def tilted(t: float) -> np.ndarray:
        return np.exp(np.log(p) + w * t - log_mgf(t))

    t = brentq(lambda t: float(n @ (w * (tilted(t)))) - float(w @ k), -600, 600, xtol=1e-13)
    r = math.copysign(math.sqrt(2 * (t * float(w @ k) - float(n @ log_mgf(t)))), t)
    u = t * math.sqrt(float(n @ (w * w * tilted(t) * (1 - tilted(t)))))
    return float(stats.norm.cdf(r) + stats.norm.pdf(r) * (1 / r - 1 / u))


@pytest.mark.parametrize("name", STRATA)
@pytest.mark.parametrize("multiplier", [-90.0, -7.0, -0.4, 0.4, 7.0, 90.0])
def test_the_most_likely_rates_of_a_sum(name, multiplier):
    errors, rows, weights = map(np.array, STRATA[name])
    m = multiplier / float(np.abs(weights * rows).mean())
    found = intervals._rates(m, errors, rows, weights)
    assert found == pytest.approx(likely_rates(m, errors, rows, weights), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", STRATA)
@pytest.mark.parametrize("multiplier", [-9.0, -0.9, -0.2, 0.2, 0.9, 9.0])
def test_the_saddlepoint_tail_is_lugannani_and_rices(name, multiplier):
    errors, rows, weights = map(np.array, STRATA[name])
    rates = likely_rates(multiplier / float(np.abs(weights * rows).mean()), errors, rows, weights)
    assert intervals._lower_tail(rates, errors, rows, weights) == pytest.approx(
        lugannani_rice(rates, errors, rows, weights), rel=1e-5, abs=1e-12
    )


@pytest.mark.parametrize("name", STRATA)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_ends_of_a_sum_are_where_its_tail_is_half_the_error(name, confidence):
    errors, rows, weights = map(np.array, STRATA[name])
    low, high = intervals.sum_of_errors(errors, rows, weights, confidence)
    scale, tail = float(np.abs(weights * rows).mean()), (1 - confidence) / 2

    def end(share: float, side: float) -> float:
        def excess(multiplier: float) -> float:
            rates = likely_rates(side * multiplier / scale, errors, rows, weights)
            return lugannani_rice(rates, errors, rows, weights) - share

        multiplier = side * brentq(excess, 0.05, 1e4 if name == "large" else 400.0, xtol=1e-12) / scale
        return float(weights @ (rows * likely_rates(multiplier, errors, rows, weights)))

    assert (low, high) == pytest.approx((end(1 - tail, 1.0), end(tail, -1.0)), rel=1e-6)


def test_sums_at_the_edge_of_what_can_be():
    """No error at all: the upper end has P(S = 0)/2 = tail, where P is that of the likeliest rates; and mirrored."""
    rows, weights = np.array([20.0, 30.0]), np.array([1 / 40, 1 / 60])
    low, high = intervals.sum_of_errors(np.zeros(2), rows, weights, 0.95)
    assert low == 0
    # the constrained likelihood (1-p)²⁰ (1-q)³⁰ at one value of (p + q)/2 is largest along an edge or inside: search
    p = np.linspace(0, 1, 20001)[:-1]
    q = 2 * high - p
    inside = (q >= 0) & (q < 1)
    likelihood = 20 * np.log1p(-p[inside]) + 30 * np.log1p(-q[inside])
    assert math.exp(likelihood.max()) / 2 == pytest.approx(0.025, rel=1e-3)
    assert intervals.sum_of_errors(rows, rows, weights, 0.95) == pytest.approx((1 - high, 1.0), abs=1e-7)
    # weights below 0: the most is that nothing is taken off
    assert intervals.sum_of_errors(np.zeros(2), rows, -weights, 0.95) == pytest.approx((-high, 0.0), abs=1e-7)


# -- roots ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "low", "high", "root"),
    [
        (lambda x: x - 0.3, 0.0, 1.0, 0.3),
        (lambda x: 0.3 - x, 0.0, 1.0, 0.3),
        (lambda x: math.exp(x) - 5, 0.0, 10.0, math.log(5)),
        (lambda x: x**3 - 1e-3, 0.0, 1.0, 0.1),
        (lambda x: math.atan(x - 1e5), 0.0, 1e6, 1e5),
        (lambda x: math.inf if x > 0.7 else x - 0.25, 0.0, 1.0, 0.25),
        (lambda x: -math.inf if x < 0.2 else x - 0.25, 0.0, 1.0, 0.25),
        (lambda x: -math.inf if x < 0.2 else math.inf if x > 0.3 else x - 0.25, 0.0, 1.0, 0.25),
        (lambda x: -1.0 if x < 0.123 else 1.0, 0.0, 1.0, 0.123),
    ],
)
def test_roots_are_found_and_cost_few_calls(function, low, high, root):
    calls = []

    def counted(x: float) -> float:
        calls.append(x)
        return function(x)

    assert intervals.find_root(counted, low, high) == pytest.approx(root, rel=1e-6, abs=1e-9)
    assert all(low <= x <= high for x in calls)
    assert len(calls) <= 202


@pytest.mark.parametrize(
    ("function", "high", "most"),
    [(lambda x: x - 0.3, 1.0, 4), (lambda x: math.exp(x) - 5, 3.0, 15), (lambda x: x**5 - 0.01, 1.0, 20)],
)
def test_smooth_roots_cost_few_calls(function, high, most):
    calls = []
    intervals.find_root(lambda x: calls.append(x) or function(x), 0.0, high)
    assert len(calls) <= most


def test_an_end_that_is_a_root():
    assert intervals.find_root(lambda x: 0.0 if x == 1.0 else 5.0, 1.0, 2.0) == 1.0
    assert intervals.find_root(lambda x: x - 2.0, 1.0, 2.0) == 2.0
