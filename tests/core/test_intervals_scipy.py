"""The hand-written distributions and intervals agree with SciPy's, a peer that nothing of ours imports."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from scipy.special import betainc

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
    assert intervals._student_quantile(confidence, degrees) == pytest.approx(expected, rel=rel)


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
