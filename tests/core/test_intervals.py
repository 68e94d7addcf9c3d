"""Intervals keep their promise: exactly where theory gives a number, by simulation elsewhere."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.evidence.intervals import (
    incomplete_beta,
    mean,
    mid_p,
    normal_quantile,
    proportion,
    quantile_positions,
    sum_of_errors,
    wilson,
)

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def _binomial(n: int, p: float) -> np.ndarray:
    """Return P(X = 0 … n), by the plain formula in whole numbers."""
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


@pytest.mark.parametrize("n", [1, 2, 7, 17, 60])
@pytest.mark.parametrize("p", [0.003, 0.2, 0.5, 0.9, 0.9897])
def test_mid_p_is_the_tail_of_the_binomial(n, p):
    chances = _binomial(n, p)
    for x in range(n + 1):
        assert mid_p(x, n, p) == pytest.approx(chances[x + 1 :].sum() + chances[x] / 2, abs=1e-10)


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_a_proportion_inverts_mid_p(count, confidence):
    k, n = count
    low, high = proportion(k, n, confidence)
    assert 0 <= low <= k / n <= high <= 1
    assert low < high
    if k > 0:
        assert mid_p(k, n, low) == pytest.approx((1 - confidence) / 2, rel=1e-6)
    if k < n:
        assert mid_p(k, n, high) == pytest.approx((1 + confidence) / 2, rel=1e-6)


@given(counts)
def test_a_proportion_is_the_mirror_of_its_complement(count):
    k, n = count
    low, high = proportion(k, n, 0.95)
    assert proportion(n - k, n, 0.95) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize("n", [5, 17, 60])
def test_each_end_misses_at_most_as_promised_for_every_true_share(n):
    ends = [proportion(k, n, 0.95) for k in range(n + 1)]
    for p in np.linspace(0.0005, 0.9995, 1500):
        chances = _binomial(n, p)
        assert sum(c for c, (low, _) in zip(chances, ends, strict=True) if low > p) <= 0.05 + 1e-9
        assert sum(c for c, (_, high) in zip(chances, ends, strict=True) if high < p) <= 0.05 + 1e-9


def test_wilsons_end_misses_three_times_as_often():
    assert wilson(16, 17, 0.95)[1] < 0.9897  # so that one error in 17 rows says "below 0.9897" …
    assert 1 - 0.9897**17 > 0.16  # … which happens this often when it is not


def test_large_counts_are_fast_and_near_wilson():
    assert proportion(999_000, 1_000_000, 0.95) == pytest.approx(wilson(999_000, 1_000_000, 0.95), abs=1e-6)


def test_incomplete_beta_at_known_points():
    assert incomplete_beta(0.5, 2, 3) == pytest.approx(11 / 16)
    assert incomplete_beta(0.3, 1, 1) == pytest.approx(0.3)
    assert incomplete_beta(0.25, 0.5, 0.5) == pytest.approx(1 / 3)  # (2/π) arcsin √x
    assert incomplete_beta(0.0, 2, 3) == 0
    assert incomplete_beta(1.0, 2, 3) == 1


# -- sums over strata ----------------------------------------------------------------

strata = st.lists(counts, min_size=1, max_size=12)


@given(strata)
def test_a_sum_holds_what_was_seen_and_has_width(counted):
    errors, rows = (np.array(column, dtype=float) for column in zip(*counted, strict=True))
    weights = 1 / (len(rows) * rows)
    low, high = sum_of_errors(errors, rows, weights, 0.95)
    assert -1e-9 <= low <= weights @ errors + 1e-9
    assert weights @ errors - 1e-9 <= high <= 1 + 1e-9
    assert high - low > 1e-4


@given(counts, st.floats(0.1, 10))
def test_one_stratum_is_a_proportion(count, weight):
    k, n = count
    one = sum_of_errors(np.array([float(k)]), np.array([float(n)]), np.array([weight]), 0.95)
    assert one == pytest.approx([weight * n * end for end in proportion(k, n, 0.95)])


def test_strata_of_one_rate_are_nearly_their_pool():
    rows = np.full(40, 25.0)
    errors = np.tile([0.0, 1.0, 2.0, 1.0], 10)
    pooled = proportion(40, 1000, 0.95)
    assert sum_of_errors(errors, rows, np.full(40, 1 / 1000), 0.95) == pytest.approx(pooled, abs=0.0015)


def test_a_tiny_perfect_stratum_widens_the_interval():
    large = np.array([10.0, 10.0]), np.array([1000.0, 1000.0])
    alone = sum_of_errors(*large, np.full(2, 1 / 3000), 0.95)
    joined = sum_of_errors(
        np.append(large[0], 0.0), np.append(large[1], 5.0), np.array([1 / 3000, 1 / 3000, 1 / 15]), 0.95
    )
    assert joined[1] > alone[1] + 0.1


def test_opposite_weights_mirror():
    rows, won, lost = np.array([200.0, 200.0]), np.array([9.0, 3.0]), np.array([3.0, 9.0])
    weights = np.array([1.0, -1.0]) / 200
    low, high = sum_of_errors(won, rows, weights, 0.95)
    assert sum_of_errors(lost, rows, weights, 0.95) == pytest.approx((-high, -low), abs=1e-7)
    assert low < 6 / 200 < high


# -- means, quantiles ----------------------------------------------------------------


def test_a_mean_without_skew_is_students():
    values = np.array([-1.0, 1.0] * 50)
    half = values.std(ddof=1) / 10 * 1.98422  # Student's quantile at 99 degrees
    assert mean(values, 0.95) == pytest.approx((-half, half), rel=1e-4)


def test_a_mean_leans_to_the_long_tail():
    values = np.random.default_rng(0).exponential(size=200)
    low, high = mean(values, 0.95)
    assert high - values.mean() > 1.05 * (values.mean() - low)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.floats(-100, 100), st.floats(0.01, 100))
def test_a_mean_moves_and_stretches_with_its_values(values, shift, factor):
    values = np.round(np.array(values), 3)
    found = mean(values, 0.95)
    if found is None or values.std() < 1e-3 * (1 + np.abs(values).max()):
        return
    assert mean(values * factor + shift, 0.95) == pytest.approx(
        [factor * end + shift for end in found], rel=1e-5, abs=1e-5 * factor * np.abs(values).max()
    )


def test_no_spread_is_no_interval():
    assert mean(np.array([]), 0.95) is None
    assert mean(np.array([3.0]), 0.95) is None
    assert mean(np.full(50, 0.1), 0.95) is None


@pytest.mark.parametrize(
    ("n", "quantile", "expected"),
    [
        (0, 0.95, (None, None)),
        (5, 0.5, (None, None)),
        (71, 0.95, (62, None)),
        (72, 0.95, (63, 71)),
        (6, 0.5, (0, 5)),
    ],
)
def test_positions_of_a_quantile(n, quantile, expected):
    assert quantile_positions(n, quantile, 0.95) == expected


@given(st.integers(1, 60), st.sampled_from([0.05, 0.5, 0.9, 0.99]))
def test_positions_miss_at_most_half_the_error(n, quantile):
    below = _binomial(n, quantile).cumsum()  # P(at most k values lie below the quantile)
    low, high = quantile_positions(n, quantile, 0.95)
    assert low is None or below[low] <= 0.025 + 1e-12
    assert high is None or 1 - below[high] <= 0.025 + 1e-12
    assert below[0 if low is None else low + 1] > 0.025 - 1e-12
    assert (1 - below[n - 1 if high is None else high - 1] > 0.025 - 1e-12) or high == 0


def test_normal_quantile():
    assert normal_quantile(0.95) == pytest.approx(NormalDist().inv_cdf(0.975))
