"""Intervals of means of errors: an end is given where it keeps its promise, and is open elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core.evidence import means

sizes = st.lists(st.floats(0, 100, allow_nan=False, width=32), min_size=1, max_size=40)


def test_rows_that_show_a_rare_error_twice():
    n = means.least_rows(0.95)
    assert n == 277
    chance = 0.98**n + n * 0.02 * 0.98 ** (n - 1)
    assert chance <= 0.025 < 0.98 ** (n - 1) + (n - 1) * 0.02 * 0.98 ** (n - 2)
    assert means.least_rows(0.99) > n


@given(sizes)
@settings(max_examples=60)
def test_ends_hold_the_mean_and_its_range(values):
    found = np.array(values, dtype=np.float64)
    low, high = means.mean(found, 0.95, 100.0)
    assert -1e-9 <= low <= found.mean() + 1e-9
    assert found.mean() - 1e-9 <= high <= 100 + 1e-9
    wide = means.mean(found, 0.99, 100.0)
    assert wide[0] <= low + 1e-6
    assert high <= wide[1] + 1e-6


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1000])
def test_a_flawless_sample_has_an_end_where_the_range_is_known(n):
    low, high = means.mean(np.zeros(n), 0.95, 1.0)
    assert low == 0
    # the chance that n rows show none of the errors that befall a share p is (1-p)ⁿ
    assert 1 - 0.025 ** (1 / n) <= high <= 1 - (0.025 / 8) ** (1 / n) + 1e-9
    assert means.mean(np.zeros(n), 0.95) == (0.0, None)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 276])
def test_few_rows_have_no_upper_end_without_a_range(n):
    values = np.random.default_rng(n).exponential(size=n)
    low, high = means.mean(values, 0.95)
    assert 0 < low < values.mean()
    assert high is None
    assert means.ratio(values, values[::-1], 0.95) == (None, None)


@pytest.mark.parametrize("n", [1, 3, 10, 100])
def test_bets_keep_their_promise_for_any_n(n):
    rng = np.random.default_rng(n)
    draws = [np.where(rng.random(n) < 0.02, 1.0, 0.02 * rng.random(n)) for _ in range(400)]
    truth = 0.02 + 0.98 * 0.01
    ends = [means.mean(one, 0.95, 1.0) for one in draws]
    assert sum(low > truth for low, _ in ends) <= 400 * 0.05
    assert sum(high < truth for _, high in ends) <= 400 * 0.05


def test_many_light_rows_have_about_the_usual_interval():
    values = np.random.default_rng(0).exponential(size=3000)
    low, high = means.mean(values, 0.95)
    error = values.std() / math.sqrt(3000)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert values.mean() + 1.9 * error < high < values.mean() + 3 * error


def test_errors_that_few_rows_carry_have_no_upper_end():
    values = np.random.default_rng(0).exponential(size=500)
    values[:3] = 2000.0
    assert means.effective_rows(values) < means.LEAST_EFFECTIVE
    assert means.mean(values, 0.95)[1] is None
    assert means.mean(values, 0.95, 5000.0)[1] is not None


def test_a_tail_that_is_heavy_is_forecast():
    rng = np.random.default_rng(1)
    heavy = 1 + rng.pareto(1.5, size=400)
    _, high = means.mean(heavy, 0.95)
    usual = heavy.mean() + 1.96 * heavy.std() / 20
    assert high > usual


def test_one_row_of_a_fifth_of_the_error_leaves_r2_provable():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=1731)
    squares = (0.2 * rng.laplace(size=1731) / math.sqrt(2)) ** 2 * rng.uniform(0.2, 1.8, 1731)
    squares[0] = 0.2 * squares.sum()
    apart = (truth - truth.mean()) ** 2
    low, high = means.ratio(squares, apart, 0.95)
    assert squares.mean() / apart.mean() == pytest.approx(0.05, abs=0.01)
    assert high < 0.1
    assert low < squares.mean() / apart.mean()


def test_a_tilt_is_the_saddlepoint_of_its_mean():
    values = np.random.default_rng(5).exponential(size=400)
    for side in (-1.0, 1.0):
        end = means.tilted_end(values, 0.025, side)
        assert means.tilted_score(values, end) == pytest.approx(-side * 1.96, abs=1e-3)


@pytest.mark.parametrize("values", [np.zeros(400), np.ones(400), np.array([])])
def test_no_spread_gives_no_upper_end(values):
    assert means.mean(values, 0.95)[1] is None
