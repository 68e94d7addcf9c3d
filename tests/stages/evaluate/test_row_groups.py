"""Which rows belong together: of one declared group, near twins, or both."""

import itertools

import numpy as np
import pytest

from modelwright.stages.evaluate.row_groups import groups_from, groups_of_rows, joined
from modelwright.storage.formats.near_twins import NearTwins

IDS = list("abcdef")
TWINS = NearTwins((("a", "b"), ("c", "d")))


def together(codes):
    """Return the pairs of rows that have one code."""
    return {(i, j) for i, j in itertools.combinations(range(len(codes)), 2) if codes[i] == codes[j]}


def test_a_row_without_a_group_is_one_of_its_own():
    assert groups_from(["a", None, "a", "b", None]).tolist() == [0, 5, 0, 1, 6]


@pytest.mark.parametrize(
    ("twins", "cells", "pairs", "count"),
    [
        (NearTwins(), None, None, 0),
        (TWINS, None, {(0, 1), (2, 3)}, 4),
        (NearTwins(), ["p", "p", None, None, "q", "q"], {(0, 1), (4, 5)}, 0),
        (TWINS, [None] * 6, {(0, 1), (2, 3)}, 4),
        # b and c are of one patient: their twins are linked with them
        (TWINS, ["p", "q", "q", "r", "s", "s"], {*itertools.combinations(range(4), 2), (4, 5)}, 4),
    ],
)
def test_declared_groups_and_twins_are_joined(twins, cells, pairs, count):
    found = groups_of_rows(IDS, twins, None if cells is None else "patient", cells)
    assert (None if found.codes is None else together(found.codes)) == pairs
    assert found.twins == count
    assert found.column == (None if cells is None else "patient")


@pytest.mark.parametrize("seed", range(20))
def test_joined_groups_are_the_finest_that_hold_both(seed):
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, 9, 14), draw.integers(0, 9, 14)
    linked = np.eye(14, dtype=bool) | (one[:, None] == one) | (other[:, None] == other)
    for _ in range(14):  # the closure
        linked = (linked.astype(int) @ linked) > 0
    assert together(joined(one, other)) == {(i, j) for i, j in np.argwhere(linked).tolist() if i < j}


def test_a_long_chain_is_one_group():
    rows = np.arange(200_000)
    assert len(np.unique(joined(rows // 2, (rows + 1) // 2))) == 1
