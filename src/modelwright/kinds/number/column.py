"""Columns of the kind `number`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.column import (
    DEFAULT_OPTIONS,
    CellOptions,
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
)
from modelwright.kinds.number.value import NumberValue


class NumberColumn(Column[float]):
    """A column of `pl.Float64`."""

    of: ClassVar[NumberValue] = NumberValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Float64

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return finite numbers.

        Of texts, Polars reads no finite number that `NumberValue` refuses, and rounds as it does; what Polars
        does not read may be blank, refused, or stand in white space of its own.
        """
        blank = cells.is_null()
        if cells.dtype == pl.String:
            texts = cells.str.strip_chars()
            values = texts.cast(pl.Float64, strict=False)
            blank |= (texts == "").fill_null(value=True)
        elif cells.dtype.is_integer() or cells.dtype.is_float():
            values = cells.cast(pl.Float64)
        else:
            return parse_by_value(self, cells, options)
        sure = values.is_finite().fill_null(value=False) | blank
        return parse_rest_by_value(self, cells, values, sure, options)
