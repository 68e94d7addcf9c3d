"""Shares and means of shares at known values, held against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peers

from modelwright.core.evidence import intervals
from modelwright.core.evidence.metric import NOTHING, Influence
from modelwright.core.evidence.shares import (
    MID_P,
    average,
    f1_influence,
    f1_of,
    mean_influence,
    share_influence,
    share_of,
)


def mask(text: str) -> np.ndarray:
    return np.array([one == "1" for one in text])


RIGHT, AMONG = mask("1101001011"), mask("1111100000")
TRUTH, ANSWERED = mask("1111100000"), mask("1110000110")


def test_a_share_of_all_rows_and_of_some():
    low, high = intervals.proportion(6, 10, 0.9)
    assert vars_of(share_of(RIGHT, None, 0.9)) == (0.6, low, high, 10, "mid-p")
    low, high = intervals.proportion(3, 5, 0.9)
    assert vars_of(share_of(RIGHT, AMONG, 0.9)) == (0.6, low, high, 5, "mid-p")
    assert share_of(RIGHT, mask("0" * 10), 0.9) == NOTHING
    assert share_of(mask(""), None, 0.9) == NOTHING
    assert share_of(mask("1"), None, 0.9).value == 1
    inside = stats.binomtest(6, 10).proportion_ci(0.9, "exact")  # mid-P lies inside Clopper-Pearson
    assert inside.low < intervals.proportion(6, 10, 0.9)[0] < 0.6


def vars_of(value) -> tuple:
    return value.value, value.low, value.high, value.n, value.method


def test_the_influence_of_a_share():
    found = share_influence(RIGHT, AMONG)
    assert found.value == 0.6
    # 1[row counts] (right - share) n/m
    assert found.rows.tolist() == pytest.approx([0.8, 0.8, -1.2, 0.8, -1.2, 0, 0, 0, 0, 0])
    assert found.flip == 2.0
    assert found.strata.right.tolist() == RIGHT.tolist()
    assert found.strata.group.tolist() == [0] * 5 + [-1] * 5
    assert share_influence(RIGHT, mask("0" * 10)) is None
    assert share_influence(RIGHT, mask("0" * 9 + "1")).value == 1


def test_f1_is_scikit_learns_with_the_ends_of_its_share():
    found = f1_of(TRUTH, ANSWERED, 0.95)
    assert found.value == pytest.approx(peers.f1_score(TRUTH, ANSWERED))
    # 3 of 7 rows that are of the label or named so are both
    low, high = intervals.proportion(3, 7, 0.95)
    assert (found.low, found.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert (found.n, found.method) == (7, MID_P)
    assert f1_of(mask("000"), mask("101"), 0.95) == NOTHING  # no row of the label
    assert f1_of(mask("000"), mask("000"), 0.95) == NOTHING
    none = f1_of(mask("110"), mask("001"), 0.95)
    assert (none.value, none.low) == (0, 0)
    assert none.high < 1


def test_the_influence_of_f1():
    found = f1_influence(TRUTH, ANSWERED)
    f1, total = 6 / 10, 10
    assert found.value == pytest.approx(f1)
    both = [1, 1, 1] + [0] * 7
    counted = [2, 2, 2, 1, 1, 0, 0, 1, 1, 0]
    expected = [(2 * b - f1 * c) * 10 / total for b, c in zip(both, counted, strict=True)]
    assert found.rows.tolist() == pytest.approx(expected)
    assert found.rows.sum() == pytest.approx(0)
    assert found.flip == pytest.approx((2 - f1) * 10 / total)
    assert found.strata is None
    assert f1_influence(mask("000"), mask("111")) is None
    assert f1_influence(mask("110"), mask("000")).value == 0


def test_an_average_of_strata():
    errors, rows, weights = np.array([1.0, 3.0]), np.array([10.0, 30.0]), np.array([0.05, 1 / 60])
    found = average(errors, rows, weights, 0.0, 40, 0.95)
    low, high = intervals.sum_of_errors(errors, rows, weights, 0.95)
    assert vars_of(found) == (
        pytest.approx(0.9),
        pytest.approx(1 - high),
        pytest.approx(1 - low),
        40,
        "saddlepoint",
    )
    lost = average(errors, rows, weights / 2, 0.5, 40, 0.95)  # half of the strata have no share at all
    assert vars_of(lost)[:3] == (
        pytest.approx(0.45), pytest.approx(0.5 - high / 2), pytest.approx(0.5 - low / 2),
    )  # fmt: skip
    every = average(np.zeros(2), rows, weights, 0.0, 40, 0.95)
    assert (every.value, every.high) == (1.0, 1.0)
    assert average(rows, rows, weights, 0.0, 40, 0.95).low == 0.0


def test_the_mean_of_influences():
    one, other = Influence(0.5, np.array([1.0, -1.0]), 4.0), Influence(0.25, np.array([0.0, 3.0]), 2.0)
    found = mean_influence([one, None, other])
    assert (found.value, found.rows.tolist(), found.flip) == (0.375, [0.5, 1.0], 2.0)
    assert mean_influence([None, None]) is None
    assert mean_influence([]) is None
    assert mean_influence([one]).flip == 4.0
