"""The definitions of `split` by columns: one text for the inputs of many rows, and what is hashed of it.

`split.as_text`, `canonical_inputs`, `row_id` and `position` say what holds; tests compare both on every kind of
cell. A column of text, truth values or numbers is written by Polars; other types are written cell by cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.stages.data.split import ID_BYTES, ID_KEY, POSITION_BYTES, as_text, canonical_inputs

TEST_ROW: Final = b"test row"  # keeps the hashes of a sketch apart from all others
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


def row_texts(frame: pl.DataFrame) -> list[bytes]:
    """Return `canonical_inputs` of each row in UTF-8; the columns are named as the fields are."""
    try:
        columns = {name: texts(frame[name]) for name in sorted(frame.columns)}
    except UnicodeEncodeError:  # a cell with half a character, which no column of Polars holds
        rows = zip(*(frame[name].to_list() for name in frame.columns), strict=True)
        return [
            canonical_inputs(dict(zip(frame.columns, row, strict=True))).encode("utf-8", "surrogatepass")
            for row in rows
        ]
    return _plain_rows(columns) or _joined({name: _quoted(column) for name, column in columns.items()})


def _plain_rows(columns: Mapping[str, pl.Series]) -> list[bytes] | None:
    """Return the rows as JSON objects, or None where JSON would write a character otherwise.

    Whether one has to is seen from all rows at once: from the quotation marks, which are then more than those
    between the cells, from reverse solidi and from control characters.
    """
    found = _joined({name: _marked(column) for name, column in columns.items()})
    names = sum(json.dumps(name, ensure_ascii=False).count('"') for name in columns)
    marks = sum(2 * (len(column) - column.null_count()) for column in columns.values())
    whole = b"".join(found)
    plain = (
        whole.count(b'"') == names * len(found) + marks
        and whole.count(b"\\") == sum(json.dumps(name).count("\\") for name in columns) * len(found)
        and len(whole.translate(None, _CONTROLS)) == len(whole)
    )
    return found if plain else None


def _joined(cells: Mapping[str, pl.Expr]) -> list[bytes]:
    """Return rows as bytes of a JSON object, of columns of cells as JSON has them."""
    pieces: list[pl.Expr] = []
    for name, cell in cells.items():
        pieces += [pl.lit(f"{',' if pieces else '{'}{json.dumps(name, ensure_ascii=False)}:"), cell]
    whole = pl.select(pl.concat_str([*pieces, pl.lit("}")]).cast(pl.Binary)).to_series()
    found: list[bytes] = whole.to_list()
    return found


def _marked(column: pl.Series) -> pl.Expr:
    """Return a column of texts between quotation marks, null where missing; as JSON has it unless it must escape."""
    text = pl.concat_str(pl.lit('"'), pl.lit(column), pl.lit('"'))
    return text.fill_null("null") if column.null_count() else text


def row_ids(rows: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return `row_id` of each row as a number: (n,)."""
    return _digests(rows, hashlib.blake2b(digest_size=ID_BYTES, key=ID_KEY))


def positions(rows: Sequence[bytes], key: str) -> NDArray[np.float64]:
    """Return `position` of each row: (n,)."""
    of_rows = _digests(rows, hashlib.blake2b(digest_size=POSITION_BYTES, key=key.encode(), person=b"split"))
    return (of_rows >> np.uint64(11)).astype(np.float64) / 2**53  # 53 bits are a float64 exactly


def test_hashes(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """Return a hash (n,) of each row as it stands in its source, with every column of it."""
    return _digests(row_texts(frame), hashlib.blake2b(digest_size=8, person=TEST_ROW))


def hexadecimal(numbers: NDArray[np.uint64]) -> list[str]:
    """Return numbers as 16 hex digits each."""
    digits = numbers.astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


def _digests(rows: Sequence[bytes], empty: hashlib.blake2b) -> NDArray[np.uint64]:
    """Return the digest (8 bytes) of each row as a number; `empty` is the hash before its first byte."""
    copy, digests = empty.copy, []
    for row in rows:
        one = copy()
        one.update(row)
        digests.append(one.digest())
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def _floats(cells: pl.Series) -> pl.Series:
    text = cells.cast(pl.String)
    plain = (cells == 0.0) | cells.abs().is_between(_PLAIN_FROM, _PLAIN_TO, closed="left")
    places = (~plain & cells.is_not_null()).arg_true()
    if len(places):
        text = text.scatter(places, [repr(value) for value in cells.gather(places).to_list()])
    return text


def _quoted(column: pl.Series) -> pl.Expr:
    """Return a column of texts as JSON strings, null where missing."""
    places = column.str.contains(_ESCAPED).arg_true()
    if len(places):
        written = [json.dumps(one, ensure_ascii=False)[1:-1] for one in column.gather(places).to_list()]
        column = column.clone().scatter(places, written)
    return _marked(column)
