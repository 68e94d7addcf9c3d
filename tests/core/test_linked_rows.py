"""Groups that follow from links, and rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from modelwright.core.linked_rows import LinkedRows
from modelwright.core.spacing import evenly_spaced

ROWS = 12


@given(st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)), max_size=20))
def test_groups_are_the_connected_components_named_by_their_first_row(links: list[tuple[int, int]]) -> None:
    rows = LinkedRows(ROWS)
    for one, other in links:
        rows.link(one, other)
    ends = np.array(links, dtype=np.int64).reshape(-1, 2).T
    _, parts = connected_components(coo_array((np.ones(len(links)), (ends[0], ends[1])), shape=(ROWS, ROWS)))
    expected = [int(np.flatnonzero(parts == part)[0]) for part in parts]
    assert rows.codes().tolist() == expected


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 5, []), (3, 5, [0, 1, 2]), (10, 4, [0, 3, 6, 9]), (10, 1, [0]), (5, 5, [0, 1, 2, 3, 4])],
)
def test_rows_that_stand_for_all_are_evenly_spaced(count: int, most: int, expected: list[int]) -> None:
    assert evenly_spaced(count, most).tolist() == expected
