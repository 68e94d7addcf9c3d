"""Sequential tests: they keep their error at every instant, and are monotone where decisions rest on it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core.evidence import sequential
from modelwright.core.evidence.sequential import BoundedSample

ERROR = 0.05


def chances(n: int, share: float) -> np.ndarray:
    """Return the binomial probabilities of 0 … n hits."""
    k = np.arange(n + 1)
    choose = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k]
    return np.exp(np.array(choose) + k * math.log(share) + (n - k) * math.log1p(-share))


@pytest.mark.parametrize(("n", "bar"), [(10, 0.3), (60, 0.05), (200, 0.5)])
def test_no_bet_gains_where_the_bar_is_kept(n, bar):
    capital = np.exp([sequential.log_capital(BoundedSample.of_share(k, n), bar) for k in range(n + 1)])
    assert chances(n, bar) @ capital == pytest.approx(1)  # on the bar: a martingale
    assert chances(n, bar * 0.7) @ capital < 1  # below it: only worse
    assert chances(n, min(bar * 1.5, 0.9)) @ capital > 1


def test_repeated_tests_err_as_seldom_as_stated():
    generator = np.random.default_rng(1)
    streams, rows, share = 150, 3000, 0.1
    hits = (generator.random((streams, rows)) < share).cumsum(axis=1)
    at = np.unique(np.geomspace(5, rows, 20).astype(int))
    wrong = {"above": 0, "below": 0}
    for stream in hits:
        samples = [BoundedSample.of_share(float(stream[n - 1]), int(n)) for n in at]
        wrong["above"] += any(sequential.is_above(one, share, ERROR) for one in samples)
        wrong["below"] += any(sequential.is_below(one, share, ERROR) for one in samples)
    assert max(wrong.values()) / streams <= ERROR


def test_a_fixed_interval_errs_more_often_when_it_is_computed_again_and_again():
    """Why there are sequential tests: the usual interval, at the same instants."""
    generator = np.random.default_rng(2)
    hits = (generator.random((300, 3000)) < 0.5).cumsum(axis=1)
    at = np.unique(np.geomspace(20, 3000, 30).astype(int))
    z = (hits[:, at - 1] - at * 0.5) / np.sqrt(at * 0.25)
    assert (z.max(axis=1) > 1.96).mean() > 2 * 0.025


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.01, 0.99))
@settings(max_examples=60)
def test_ends_and_tests_agree(hits, n, bar):
    sample = BoundedSample.of_share(min(hits, n), n)
    low, high = sequential.ends(sample, ERROR, ERROR / 4)
    assert low <= sample.mean <= high
    if abs(low - bar) > 1e-6:
        assert (low > bar) == sequential.is_above(sample, bar, ERROR)
    if abs(high - bar) > 1e-6:
        assert (high < bar) == sequential.is_below(sample, bar, ERROR / 4)


@pytest.mark.parametrize("rows", [[], [0.0, 0.0], [1.0, 1.0, 1.0]])
def test_samples_without_spread(rows):
    sample = BoundedSample.of(np.array(rows))
    low, high = sequential.ends(sample, ERROR, ERROR)
    if not rows:
        assert (low, high) == (None, None)
        assert not sequential.is_above(sample, 0.5, ERROR)  # no traffic proves nothing
        assert not sequential.is_below(sample, 0.5, ERROR)
    elif rows[0] == 0:
        assert low == 0 < high < 1
    else:
        assert 0 < low < 1 == high


def test_positions_of_a_quantile_hold_at_every_n():
    generator = np.random.default_rng(3)
    true, wrong = -math.log(0.05), 0  # the 95 % quantile of an exponential distribution
    for _ in range(60):
        seconds = generator.exponential(size=1500)
        outside = False
        for n in (50, 200, 600, 1500):
            ordered = np.sort(seconds[:n])
            low, high = sequential.positions(n, 0.95, ERROR / 2, ERROR / 2)
            outside |= low is not None and ordered[low] > true
            outside |= high is not None and ordered[high] < true
        wrong += outside
    assert wrong / 60 <= ERROR
    assert sequential.positions(3, 0.95, ERROR, ERROR) == (0, None)  # three slow ones in a row are rare
    low, high = sequential.positions(1500, 0.95, ERROR, ERROR)
    assert 1380 < low < 1425 < high < 1470


def test_shift_of_latency_is_found_beside_the_champion():
    generator = np.random.default_rng(4)
    champions = generator.lognormal(0, 0.4, 4000)
    level = math.exp(0.4 * 1.6449)
    for factor in (1.0, 1.2, 2.0):
        ours = generator.lognormal(0, 0.4, 4000) * factor
        low, high = sequential.shift_ends(ours, champions, level, ERROR, ERROR)
        assert low < level * (factor - 1) < high
        assert high - low < 0.5 * factor
    assert sequential.shift_ends(np.ones(5), np.ones(5), 0.5, ERROR, ERROR) == (None, None)


def test_rows_are_paired_with_the_next_row_of_the_champion():
    ours, champions = np.array([1.0, 2.0, 2.5, 9.0]), np.array([0.0, 1.5, 1.6, 3.0, 4.0])
    mine, theirs = sequential.pair(ours, champions)
    assert mine.tolist() == [0, 1, 2]
    assert theirs.tolist() == [1, 3, 4]
    assert sequential.pair(np.array([]), champions)[0].tolist() == []
    mine, theirs = sequential.pair(np.arange(5.0), np.arange(2.0))  # more of ours than of the champion's
    assert theirs.tolist() == [0, 1]


@given(st.lists(st.floats(0, 9)), st.lists(st.floats(0, 9)))
@settings(max_examples=40)
def test_no_row_stands_in_two_pairs(ours, champions):
    first, second = np.sort(np.array(ours)), np.sort(np.array(champions))
    mine, theirs = sequential.pair(first, second)
    assert len(set(theirs.tolist())) == len(theirs) == len(set(mine.tolist()))
    assert (second[theirs] >= first[mine]).all()


@pytest.mark.parametrize(
    ("sample", "bar"),
    [
        (BoundedSample.of_share(0.0, 1.0), 0.001),  # no failure, where one in a thousand is allowed
        (BoundedSample.of_share(0.08, 1.0), 0.05),  # slow answers beyond the bar
        (BoundedSample.of_pairs(0.02, 0.02, 1.0), -0.01),  # as good as the champion, within a point
    ],
)
def test_planned_rows_are_enough(sample, bar):
    n = sequential.rows_needed(sample, bar, ERROR)
    generator = np.random.default_rng(5)
    shares = sample.counts / sample.counts.sum()
    decided = 0
    for _ in range(60):
        counts = generator.multinomial(n, shares).astype(float)
        seen = BoundedSample(sample.values, counts, sample.low, sample.high)
        decide = sequential.is_above if sample.mean > bar else sequential.is_below
        decided += decide(seen, bar, ERROR)
    assert decided / 60 >= 0.8
    # and not far more than are: a quarter of them rarely decides
    assert sequential.rows_needed(sample, bar, ERROR, power=0.5) <= n


def test_a_mean_on_its_bar_needs_more_rows_than_there_are():
    assert sequential.rows_needed(BoundedSample.of_share(0.5, 1.0), 0.5, ERROR) is None
