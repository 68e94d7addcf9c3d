"""The definitions of `split` by columns: one text for the inputs of many rows, and what is hashed of it.

`split.as_text`, `canonical_inputs`, `row_id` and `position` say what holds; tests compare both on every kind of
cell. A column of text, truth values or numbers is written by Polars; other types are written cell by cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.stages.data.hashing.hasher import Digests, Hash, RowTexts
from modelwright.stages.data.split import ID_KEY, POSITION_PERSON, as_text, canonical_inputs

ROW_ID: Final = Hash(key=ID_KEY)  # `row_id`, as a number
TEST_ROW: Final = Hash(person=b"test row")  # of all columns of a source's row: what a sketch is made of
_CONTROLS = bytes(range(0x20))
_ESCAPED = r'["\\\x00-\x1f]'  # characters that JSON writes otherwise (RFC 8259, section 7)
# In this range Python's repr writes no exponent, and so does Polars; both write the fewest digits that read back.
_PLAIN_FROM, _PLAIN_TO = 1e-4, 1e16


def texts(cells: pl.Series) -> pl.Series:
    """Return `as_text` of each cell, null where missing; raises UnicodeEncodeError for half a character."""
    dtype = cells.dtype
    if dtype == pl.Null:
        return cells.cast(pl.String)
    if dtype == pl.String:
        return cells.set(cells == "", None)
    if dtype == pl.Boolean or dtype.is_integer():
        return cells.cast(pl.String)
    if dtype.is_float():
        return _floats(cells.cast(pl.Float64))
    return pl.Series(cells.name, list(map(as_text, cells.to_list())), dtype=pl.String)


def row_texts(frame: pl.DataFrame) -> RowTexts:
    """Return `canonical_inputs` of each row in UTF-8; the columns are named as the fields are."""
    try:
        columns = {name: texts(frame[name]) for name in sorted(frame.columns)}
    except UnicodeEncodeError:  # a cell with half a character, which no column of Polars holds
        rows = zip(*(frame[name].to_list() for name in frame.columns), strict=True)
        return _together(
            [
                canonical_inputs(dict(zip(frame.columns, row, strict=True))).encode("utf-8", "surrogatepass")
                for row in rows
            ]
        )
    if not columns:
        return _together([b"{}"] * frame.height)
    return _plain_rows(columns) or _together(
        _joined({name: _escaped(column) for name, column in columns.items()})
    )


def _together(rows: Sequence[bytes]) -> RowTexts:
    return RowTexts(rows, b"".join(rows))


def _plain_rows(columns: Mapping[str, pl.Series]) -> RowTexts | None:
    """Return the rows as JSON objects, or None where JSON would write a character otherwise.

    Whether one has to is seen from all rows at once: from the quotation marks, which are then more than those
    between the cells, from reverse solidi and from control characters.
    """
    found = _together(_joined(columns))
    names = sum(json.dumps(name, ensure_ascii=False).count('"') for name in columns)
    marks = sum(2 * (len(column) - column.null_count()) for column in columns.values())
    whole, rows = found.whole, len(found.rows)
    plain = (
        whole.count(b'"') == names * rows + marks
        and whole.count(b"\\") == sum(json.dumps(name).count("\\") for name in columns) * rows
        and len(whole.translate(None, _CONTROLS)) == len(whole)
    )
    return found if plain else None


def _joined(columns: Mapping[str, pl.Series]) -> list[bytes]:
    """Return rows as bytes of a JSON object, of columns of texts that need no escape."""
    pieces: list[pl.Expr] = []
    before = "{"
    for name, column in columns.items():
        begin = f"{before}{json.dumps(name, ensure_ascii=False)}:"
        if column.null_count():
            pieces += [pl.lit(begin), _marked(column)]
            before = ","
        else:  # the marks join the text between the cells, so that less is copied
            pieces += [pl.lit(f'{begin}"'), pl.lit(column)]
            before = '",'
    pieces.append(pl.lit(f"{before.removesuffix(',')}}}"))
    whole = pl.select(pl.concat_str(pieces).cast(pl.Binary)).to_series()
    found: list[bytes] = whole.to_list()
    return found


def _marked(column: pl.Series) -> pl.Expr:
    """Return a column of texts between quotation marks, null where missing."""
    return pl.concat_str(pl.lit('"'), pl.lit(column), pl.lit('"')).fill_null("null")


def position_hash(key: str) -> Hash:
    """Return the hash that `position` makes a position of."""
    return Hash(key.encode(), POSITION_PERSON)


def positions(digests: Digests) -> NDArray[np.float64]:
    """Return `position` of each row (n,), from its digest by `position_hash`."""
    return (digests >> np.uint64(11)).astype(np.float64) / 2**53  # 53 bits are a float64 exactly


def hexadecimal(numbers: NDArray[np.uint64]) -> list[str]:
    """Return numbers as 16 hex digits each."""
    digits = numbers.astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


def _floats(cells: pl.Series) -> pl.Series:
    text = cells.cast(pl.String)
    plain = (cells == 0.0) | cells.abs().is_between(_PLAIN_FROM, _PLAIN_TO, closed="left")
    places = (~plain & cells.is_not_null()).arg_true()
    if len(places):
        text = text.scatter(places, [repr(value) for value in cells.gather(places).to_list()])
    return text


def _escaped(column: pl.Series) -> pl.Series:
    """Return a column of texts as JSON strings have them, without the marks."""
    places = column.str.contains(_ESCAPED).arg_true()
    if not len(places):
        return column
    written = [json.dumps(one, ensure_ascii=False)[1:-1] for one in column.gather(places).to_list()]
    return column.clone().scatter(places, written)
