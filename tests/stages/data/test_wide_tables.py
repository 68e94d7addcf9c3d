"""Of thousands of columns, little is read of each to tell what else it may be; what is told stays the same."""

from __future__ import annotations

import random

import polars as pl
import pytest

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS
from modelwright.stages.data.columns import wildcard
from modelwright.stages.data.columns.wildcard import SAMPLED, resolved

CHANCE = random.Random(7)
NUMBERS = [f"{CHANCE.gauss(50, 20):.4f}" for _ in range(3000)]


def _notices(cells: list[str]) -> list[str]:
    found = resolved({"x": "x"}, {}, lambda name: [pl.Series("x", cells)], lambda name: DEFAULT_OPTIONS)
    return [one.id for one in found.notices]


def test_few_cells_of_a_column_are_read_as_what_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = wildcard._reads
    monkeypatch.setattr(wildcard, "_reads", lambda value, *rest: reads.append(value) or real(value, *rest))
    assert _notices(NUMBERS) == []
    assert reads
    assert all(reads.count(value) <= 3 * SAMPLED for value in reads)


@pytest.mark.parametrize("share", [0.55, 0.8, 0.94])
@pytest.mark.parametrize("stray", ["aa {}", "~ {}", "aa", "many words that stand for no number {}"])
def test_a_column_that_is_nearly_of_numbers_is_named_however_many_cells_it_has(
    share: float, stray: str
) -> None:
    count = round(len(NUMBERS) * share)
    cells = [*NUMBERS[:count], *(stray.format(n) for n in range(len(NUMBERS) - count))]
    assert "data.nearly" in _notices(cells)
