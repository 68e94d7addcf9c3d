"""Columns that name rows or things, and tell nothing about a row that was never seen: `inputs: "*"` leaves them out.

Decided on every row of the files that train, before these are split and without any label: a column that is left out
must not take part in the hash that splits the rows, or rows with equal inputs would stand on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import polars as pl


class Names(StrEnum):
    """Tells how a column names things."""

    ROWS = "rows"  # numbers of rows: 1, 2, 3 …
    KEYS = "keys"  # numbers that are called an id
    CODES = "codes"  # texts of one word with digits: A-1047, a UUID, an address


@dataclass(frozen=True)
class Identifier:
    """A column that names rows or things: how, and how many different values it has in how many rows."""

    names: Names
    distinct: int
    rows: int


FEWEST_ROWS = 10  # with fewer, numbers in a row are no proof of anything
# Numbers of rows: all different, whole, and nearly without gaps. In the order of the file they need to fill a third of
# their range only (a file may be a part of a larger one); in another order, which ages or amounts could have by
# chance, nearly all of it.
DENSE_IN_ORDER, DENSE, ROWS_OF_A_DENSE_COLUMN = 1 / 3, 0.9, 50
UNIQUE_KEYS = 0.9  # share of different values in a column that is called an id
# Codes: nearly every cell is one word with a digit, or an address; and there are too many for a category. A tenth of
# the rows, beyond a hundred, is where a class has fewer than ten rows.
CODES = 0.98
FEW_CODES, ROWS_A_CODE, MOST_CODES = 100, 10, 10_000
_CODE = r"^\S*[0-9]\S*$|^\S+@\S+\.\S+$|^\w+://\S+$"
# What a person would read as more than a code: a number with its signs, a date, a time, a list.
_NO_CODE = (
    r"^[\p{Sc}]?\s?[+\-−]?[\p{Sc}]?\s?([0-9]+|[0-9]{1,3}([.,'’\s][0-9]{3})+)?([.,][0-9]*)?([eE][+-]?[0-9]+)?\s?[\p{Sc}%]?$"
    r"|^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T\s].*)?$|^[0-9]{1,2}:[0-9]{2}(:[0-9.]+)?$|^[\[{]"
)
_LEADING_ZERO = r"^0[0-9]+$"
_CALLED_ID = re.compile(
    r"(^|[^a-z])(id|ids|uuid|guid|key|index|idx|rowid|row|nr|no)$|[a-z]ID$|[a-z]Id$|编号|序号"
)
_CALLED_YEAR = re.compile(r"year|jahr|ann[ée]e|年", re.IGNORECASE)


def identifier_of(column: str, chunks: Iterable[pl.Series]) -> Identifier | None:
    """Return how a column names rows or things, None where it does not; chunks of its raw cells."""
    parts: list[pl.Series] = []
    for chunk in chunks:
        if not _may_name(chunk):
            return None
        if chunk.dtype != pl.Null:
            parts.append(chunk)
    if not parts or len({str(part.dtype) for part in parts}) > 1:
        return None
    cells = pl.concat(parts)
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
        cells = cells.set(cells == "", None)
    present = cells.drop_nulls()
    if len(present) < FEWEST_ROWS:
        return None
    numbers = _whole_numbers(present)
    if numbers is None:
        return _codes(present) if present.dtype == pl.String else None
    return _numbers(column, numbers, whole_column=not cells.null_count())


def _may_name(chunk: pl.Series) -> bool:
    """Tell at little cost whether a chunk may be a part of such a column."""
    if chunk.dtype == pl.Null or chunk.dtype.is_integer():
        return True
    if chunk.dtype.is_float():
        return bool((chunk.drop_nulls() % 1 == 0).all())
    return bool(chunk.dtype == pl.String)


def _whole_numbers(present: pl.Series) -> pl.Series | None:
    """Return cells as integers, or None where one is none, or has a leading zero, as a code has."""
    if present.dtype == pl.String:
        if not present.str.contains(r"^[+-]?[0-9]{1,18}$").all() or present.str.contains(_LEADING_ZERO).any():
            return None
    elif present.dtype.is_float() and not (present % 1 == 0).all():
        return None
    numbers = present.cast(pl.Int64, strict=False)
    return None if numbers.null_count() else numbers


def _numbers(column: str, numbers: pl.Series, *, whole_column: bool) -> Identifier | None:
    rows, different = len(numbers), numbers.n_unique()
    if _CALLED_YEAR.search(column):
        return None
    if different == rows and whole_column:
        least, most = numbers.sort()[0], numbers.sort()[-1]
        filled = rows / (most - least + 1)
        in_order = numbers.is_sorted() or numbers.is_sorted(descending=True)
        if filled >= (DENSE_IN_ORDER if in_order else DENSE) and (in_order or rows >= ROWS_OF_A_DENSE_COLUMN):
            return Identifier(Names.ROWS, different, rows)
    if different >= UNIQUE_KEYS * rows and called_an_id(column):
        return Identifier(Names.KEYS, different, rows)
    return None


def called_an_id(column: str) -> bool:
    """Tell whether a column is called like one that names things: `customer_id`, `PassengerId`, `编号`."""
    return _CALLED_ID.search(column) is not None or _CALLED_ID.search(column.lower()) is not None


def _codes(present: pl.Series) -> Identifier | None:
    rows, different = len(present), present.n_unique()
    few = different <= FEW_CODES and 2 * different <= rows
    if few or (different <= MOST_CODES and different * ROWS_A_CODE <= rows):
        return None
    codes = present.str.contains(_CODE) & ~present.str.contains(_NO_CODE) | present.str.contains(
        _LEADING_ZERO
    )
    return Identifier(Names.CODES, different, rows) if codes.sum() >= CODES * rows else None
