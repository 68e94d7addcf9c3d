"""Hashes and positions by columns are those of the definition row by row, or every row of every project moves."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwright.stages.data.canonical import ROW_ID, hexadecimal, position_hash, positions, row_texts, texts
from modelwright.stages.data.config import Shares
from modelwright.stages.data.split import CODES, as_text, canonical_inputs, place, places, position, row_id
from modelwright.tables.series import series

FLOATS = st.floats() | st.integers(0, 2**64 - 1).map(
    lambda bits: struct.unpack("d", struct.pack("Q", bits))[0]
)
PLAIN = [
    st.text(),
    st.integers(-(2**63), 2**63 - 1),
    FLOATS,
    st.booleans(),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    st.integers() | st.text() | st.floats() | st.booleans() | st.lists(st.integers(), max_size=2),
]
COLUMNS = st.sampled_from(PLAIN).flatmap(lambda cells: st.lists(st.none() | cells, max_size=6))


@given(COLUMNS)
def test_cells_as_text(cells: list[Any]) -> None:
    try:
        found = texts(series("a", cells)).to_list()
    except UnicodeEncodeError:
        assert any("\\ud" in ascii(cell) for cell in cells)
        return
    assert found == [as_text(cell) for cell in cells]


@given(st.lists(FLOATS, max_size=20))
@example(
    [0.0, -0.0, 1e-4, 9.999999999999999e-05, 1e16, 9999999999999998.0, -1e16, 5e-324, math.inf, math.nan]
)
@example([10.0**power for power in range(-30, 30)] + [1.5 * 10.0**power for power in range(-30, 30)])
@example([2.0**power for power in range(-60, 60)])
def test_floats_as_text(cells: list[float]) -> None:
    assert texts(pl.Series(cells, dtype=pl.Float64)).to_list() == [repr(cell) for cell in cells]


def test_a_million_floats_as_text() -> None:
    draw = np.random.default_rng(0)
    for cells in (
        draw.normal(size=200_000),
        draw.uniform(0, 1e5, 200_000).round(3),
        np.exp(draw.uniform(-40, 40, 200_000)),
    ):
        assert texts(pl.Series(cells)).to_list() == list(map(repr, cells.tolist()))


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([date(2024, 1, 2), None]),
        pl.Series([datetime(2024, 1, 2, 3, 4, 5, 6), datetime(1, 1, 1)]),
        pl.Series([datetime(2024, 1, 2, tzinfo=UTC)]),
        pl.Series([time(1, 2), None]),
        pl.Series([b"\x01\xff", b"", None]),
        pl.Series([1, None], dtype=pl.Int8),
        pl.Series([2**64 - 1], dtype=pl.UInt64),
        pl.Series([0.1, None, 3.4e38], dtype=pl.Float32),
        pl.Series([{"b": 1, "a": None}, None]),
        pl.Series([[1.5, None], [], None]),
        pl.Series([None, None]),
    ],
)
def test_typed_columns_of_parquet_as_text(column: pl.Series) -> None:
    assert texts(column).to_list() == [as_text(cell) for cell in column.to_list()]


NAMES = st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=3, unique=True)


@given(st.data(), NAMES, st.integers(0, 5), st.text(max_size=16))
def test_rows_by_columns(data: st.DataObject, names: list[str], rows: int, key: str) -> None:
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return  # a name is a Unicode identifier
    columns = {
        name: data.draw(
            st.sampled_from(PLAIN).flatmap(
                lambda cells: st.lists(st.none() | cells, min_size=rows, max_size=rows)
            )
        )
        for name in names
    }
    frame = pl.DataFrame([series(name, cells) for name, cells in columns.items()])
    found = row_texts(frame)
    expected = [canonical_inputs({name: columns[name][at] for name in names}) for at in range(rows)]
    assert found.rows == [one.encode("utf-8", "surrogatepass") for one in expected]
    assert found.whole == b"".join(found.rows)
    assert hexadecimal(ROW_ID.of(found.rows)) == list(map(row_id, expected))
    try:
        key.encode()
    except UnicodeEncodeError:
        return
    if len(key.encode()) <= 64:
        assert positions(position_hash(key).of(found.rows)).tolist() == [
            position(one, key) for one in expected
        ]


@given(st.lists(st.floats(0, 1, exclude_max=True)), st.integers(0, 30), st.integers(1, 30))
def test_places_of_positions(where: list[float], test: int, validation: int) -> None:
    shares = Shares(train=100 - test - validation, validation=validation, test=test)
    assert places(np.array(where), shares).tolist() == [CODES[place(one, shares)] for one in where]
