"""Columns read by expressions have exactly the values and the refusals of their cells read one by one."""

from __future__ import annotations

import sys
import unicodedata

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.string_columns import PLAIN, WHITE_SPACE
from modelwright.testing.kinds.column_checks import assert_column
from modelwright.testing.kinds.tried import quick

each_kind = pytest.mark.parametrize("name", kinds.having(Column))

PYTHONS_WHITE_SPACE = "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
SPACES = st.text(PYTHONS_WHITE_SPACE + "\u200b\ufeff\x00", max_size=3)
NUMBERS = (
    st.text("0123456789+-.eE_, xfnai", max_size=8)
    | st.floats().map(repr)
    | st.integers().map(str)
    | st.text("٠٣９४0123456789.", max_size=4)
    | st.decimals().map(str)
)
ODD = (
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1_000",
    "1e999",
    "1e-999",
    "-0",
    "0x1p3",
    "1e400",
    "3f",
    "1,5",
    "½",
    "²",
)
WORDS = ("Yes", "NO", "tRuE", "f", "1", "0", "\u212a", "ye\u017f", "ＹＥＳ", "İ", "on", "2", "1.0", "y\u0301")
TEXTS = (
    st.text(max_size=6)
    | st.text("ae\u0301\u0308\u0327 \u00a0가\u11a8\u09c7\u09be\u212b\u2126\u037e\u1e9b\u0323", max_size=6)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda text: " ".join([text] * 3))
    | st.sampled_from(["x" * 999 + " é", "é" * 1_000, "é" * 1_001, "x" * 100_001, "x " * 100_001, "  "])
)
STRINGS = st.tuples(SPACES, NUMBERS | st.sampled_from(ODD) | st.sampled_from(WORDS) | TEXTS, SPACES).map(
    "".join
)
WHOLE = STRINGS.filter(lambda text: not any("\ud800" <= one <= "\udfff" for one in text))


@each_kind
@given(cells=st.lists(WHOLE | st.none(), max_size=12))
@example(cells=[*ODD, None, *WORDS, "", " ", "\x1c", "1\x1f", "\x851"])
@quick
def test_a_column_of_texts(name: str, cells: list[str | None]) -> None:
    assert_column(kinds.facet(name, Column), cells)


@each_kind
@given(cells=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1]) | st.none(), max_size=9))
@example(cells=[2**53 + 1, 2**63 - 1, -(2**63), 0, 1, None])
@quick
def test_a_column_of_whole_numbers(name: str, cells: list[int | None]) -> None:
    assert_column(kinds.facet(name, Column), cells)


@each_kind
@given(cells=st.lists(st.floats() | st.sampled_from([0.0, -0.0, 1.0, 2.0**53]) | st.none(), max_size=9))
@quick
def test_a_column_of_floats(name: str, cells: list[float | None]) -> None:
    assert_column(kinds.facet(name, Column), cells)


@each_kind
@given(cells=st.lists(st.booleans() | st.none(), max_size=6))
@quick
def test_a_column_of_truth_values(name: str, cells: list[bool | None]) -> None:
    assert_column(kinds.facet(name, Column), cells)


@each_kind
@given(
    cells=st.lists(
        STRINGS
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.none()
        | st.lists(st.text(max_size=2), max_size=2),
        max_size=9,
    )
)
@example(cells=["half \ud800", 1, True, 1.0, "1", None, [1], {"a": 1}, b"x", 10**400])
@quick
def test_a_column_of_anything(name: str, cells: list[object]) -> None:
    assert_column(kinds.facet(name, Column), cells)


@each_kind
@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Null, pl.Int128])
def test_a_column_of_other_types(name: str, dtype: type[pl.DataType]) -> None:
    column = kinds.facet(name, Column)
    cells = pl.Series("x", [None] if dtype == pl.Null else [0, 1, None, 7], dtype=dtype)
    parsed = column.parse(cells)
    again = column.parse(pl.Series("x", cells.to_list(), dtype=pl.Object))
    assert parsed.values.to_list() == again.values.to_list()
    assert parsed.values.dtype == column.dtype()
    assert {place: str(one) for place, one in parsed.refused.items()} == {
        place: str(one) for place, one in again.refused.items()
    }


def test_plain_characters_are_in_their_canonical_form_whatever_stands_beside_them() -> None:
    plain = {chr(code) for first, last in PLAIN for code in range(first, last + 1)}
    for character in plain:
        assert unicodedata.is_normalized("NFC", character)
        assert unicodedata.combining(character) == 0
        assert character == " " or not character.isspace()
    # A character that combines with one before it is the second of some decomposition in two.
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            assert chr(int(parts[1], 16)) not in plain
    assert not plain & {chr(code) for code in range(0x1161, 0x11C3)}  # Jamo, which combine by arithmetic


def test_white_space_is_what_python_splits_at() -> None:
    listed = [chr(code) for first, last in WHITE_SPACE for code in range(first, last + 1)]
    assert "".join(listed) == PYTHONS_WHITE_SPACE
