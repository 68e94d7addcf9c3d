"""Agreement of two judges: Cohen's kappa beside that of another library, and its error beside the delta method's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from modelwright.core.evidence.agreement import agreement

NAMES = ("better", "tie", "worse")
TABLES = (
    [[20, 5, 1], [4, 8, 3], [2, 3, 14]],
    [[5, 0, 0], [5, 3, 2], [0, 0, 9]],
    [[1, 9, 1], [9, 1, 9], [1, 9, 1]],
)


def spoken(table: list[list[int]]) -> tuple[list[str], list[str]]:
    pairs = [(NAMES[i], NAMES[j]) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [one for one, _ in pairs], [other for _, other in pairs]


@pytest.mark.parametrize("table", TABLES)
def test_kappa_is_that_of_another_library(table: list[list[int]]) -> None:
    one, other = spoken(table)
    found = agreement(one, other, 0.95)
    assert found is not None
    assert found.n == len(one)
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other))
    assert found.share == pytest.approx(np.trace(np.array(table)) / len(one))
    assert found.low < found.share < found.high


@pytest.mark.parametrize("table", TABLES)
def test_its_error_is_that_of_the_delta_method(table: list[list[int]]) -> None:
    counts = np.array(table, dtype=float)
    n, cells = counts.sum(), (counts / counts.sum()).ravel()

    def kappa(shares: np.ndarray) -> float:
        square = shares.reshape(3, 3) / shares.sum()
        chance = float(square.sum(axis=1) @ square.sum(axis=0))
        return (float(np.trace(square)) - chance) / (1 - chance)

    step = 1e-6
    slopes = np.array([(kappa(cells + d) - kappa(cells - d)) / (2 * step) for d in step * np.eye(9)])
    # a multinomial: the variance of a sum of slopes over its cells
    error = math.sqrt((cells @ slopes**2 - (cells @ slopes) ** 2) / n)
    found = agreement(*spoken(table), 0.95)
    assert found is not None
    assert found.kappa_high == pytest.approx(min(found.kappa + 1.959964 * error, 1.0), abs=1e-5)
    assert found.kappa_low == pytest.approx(max(found.kappa - 1.959964 * error, -1.0), abs=1e-5)


def test_of_no_rows_there_is_none_and_of_one_word_no_kappa() -> None:
    assert agreement([], [], 0.95) is None
    found = agreement(["tie"] * 5, ["tie"] * 5, 0.95)
    assert found is not None
    assert (found.share, found.kappa) == (1.0, None)
    alone = agreement(["tie"] * 5, ["tie", "better", "tie", "worse", "tie"], 0.95)
    assert alone is not None
    assert (alone.share, alone.kappa) == (0.6, None)


def test_rows_that_belong_together_tell_less() -> None:
    one, other = spoken(TABLES[0])
    alone = agreement(one, other, 0.95)
    together = agreement(one, other, 0.95, np.arange(len(one)) // 6)
    few = agreement(one, other, 0.95, np.arange(len(one)) // 30)
    assert alone is not None
    assert together is not None
    assert few is not None
    assert (together.share, together.kappa) == (alone.share, alone.kappa)
    assert together.low < alone.low < alone.high < together.high
    assert together.kappa_low < alone.kappa_low < alone.kappa_high < together.kappa_high
    assert (few.low, few.high, few.kappa_low, few.kappa_high) == (0.0, 1.0, -1.0, 1.0)


def test_ten_rows_on_which_they_agree_do_not_prove_that_they_always_do() -> None:
    always = agreement(["tie", "better"] * 5, ["tie", "better"] * 5, 0.95)
    assert always is not None
    assert (always.kappa, always.kappa_high) == (1.0, 1.0)
    # of a share of 10 in 10 the lower end is (0.05 / 2 · 2) ** (1 / 10) by mid-P, and chance agrees on a half
    assert always.kappa_low == pytest.approx((0.05 ** (1 / 10) - 0.5) / 0.5, abs=1e-6)
