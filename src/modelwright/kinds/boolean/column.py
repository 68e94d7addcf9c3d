"""Columns of the kind `boolean`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.boolean.value import WORDS, BooleanValue
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.column import (
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
    without_stated,
)


class BooleanColumn(Column[bool]):
    """A column of `pl.Boolean`."""

    of: ClassVar[BooleanValue] = BooleanValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Boolean

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return truth values: of words in any case, of 0 and 1."""
        cells = without_stated(cells, options)
        if cells.dtype == pl.Boolean:
            return Parsed(cells, {})
        blank = cells.is_null()
        if cells.dtype == pl.String:
            words = cells.str.strip_chars().str.to_lowercase()
            values = words.replace_strict(WORDS, default=None, return_dtype=pl.Boolean)
            blank |= (words == "").fill_null(value=True)
        elif cells.dtype.is_integer() or cells.dtype.is_float():
            values = cells.replace_strict({0: False, 1: True}, default=None, return_dtype=pl.Boolean)
        else:
            return parse_by_value(self, cells, options)
        sure = values.is_not_null() | blank
        return parse_rest_by_value(self, cells, values, sure, options)
