"""A long table in chunks: what was added comes back, from memory or from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.tables.series import series
from modelwright.tables.spool import Limits, Spool

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)


def same(one: Any, other: Any) -> bool:
    """Tell whether two cells are equal, by type too: 1, 1.0 and True are equal to Python."""
    return one == other and repr(one) == repr(other)


@given(st.lists(JSON, max_size=6))
def test_a_column_gives_back_its_very_cells(cells: list[Any]) -> None:
    back = series("a", cells).to_list()
    assert len(back) == len(cells)
    assert all(map(same, cells, back))


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["a", None], pl.String),
        ([1, None], pl.Int64),
        ([1, 1.5], pl.Object),
        ([True, 1], pl.Object),
        ([2**70], pl.Object),
        (["\ud800"], pl.Object),
        ([["a"], []], pl.List(pl.String)),
        ([["a"], [1]], pl.Object),
        ([None], pl.Null),
    ],
)
def test_a_column_has_a_type_of_polars_where_one_holds_its_cells(cells: list[Any], dtype: Any) -> None:
    assert series("a", cells).dtype == dtype


@pytest.mark.parametrize("memory_bytes", [0, 100, 1 << 20])
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_chunks_come_back_with_any_limits(tmp_path: Path, memory_bytes: int, rows: int) -> None:
    spool = Spool(tmp_path / "scratch", Limits(rows=rows, memory_bytes=memory_bytes))
    mixed = [1, "a", None, 2.5, {"x": [1]}, "\ud800"]
    spool.add(pl.DataFrame([series("a", mixed), series("b", list("uvwxyz"))]))
    spool.add(pl.DataFrame([series("b", ["late"]), series("c", [["t"]])]))
    spool.add(pl.DataFrame(), rows=2)
    assert spool.rows == 9
    for _ in range(2):
        found: dict[str, list[Any]] = {"c": [], "a": [], "b": []}
        for chunk in spool.chunks(["c", "a", "b"]):
            assert chunk.columns == ["c", "a", "b"]
            assert chunk.height <= rows or chunk.null_count().row(0) == (2, 2, 2)
            for name in found:
                found[name] += chunk[name].to_list()
        assert found["a"] == [*mixed, None, None, None]
        assert found["b"] == [*"uvwxyz", "late", None, None]
        assert found["c"] == [None] * 6 + [["t"], None, None]
    assert (tmp_path / "scratch").exists() or memory_bytes
    assert next(chunk["a"].to_list() for chunk in spool.chunks(["a"]))[0] == 1
