"""Cells of Python as a column of Polars that gives back the very same cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

_PLAIN: dict[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
}


def series(name: str, cells: Sequence[object]) -> pl.Series:
    """Return a column whose `to_list` is `cells`.

    Text, truth values, integers, floats and lists of text have the type of Polars; a mixture, and what such a type
    cannot hold (half a surrogate pair, a huge integer, an object), stays as it is in the type Object.
    """
    types = set(map(type, cells)) - {type(None)}
    if not types:
        return pl.Series(name, [None] * len(cells), dtype=pl.Null)
    of, *others = types
    if not others:
        try:
            if of in _PLAIN:
                return pl.Series(name, cells, dtype=_PLAIN[of])
            if of is list and all(
                type(one) is str for cell in cells if cell is not None for one in _items(cell)
            ):
                return pl.Series(name, cells, dtype=pl.List(pl.String))
        except (UnicodeEncodeError, OverflowError, TypeError, pl.exceptions.PolarsError):
            pass
    return pl.Series(name, cells, dtype=pl.Object)


def _items(cell: object) -> Iterable[object]:
    return cell if isinstance(cell, list) else ()
