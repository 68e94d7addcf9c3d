"""Columns of the kind `category`."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import polars as pl

from modelwright.kinds.category.value import CategoryValue
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.column import (
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
    without_stated,
)
from modelwright.kinds.shared.string_columns import canonical_strings, respelled


class CategoryColumn(Column[str]):
    """A column of `pl.String`."""

    of: ClassVar[CategoryValue] = CategoryValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return names in their canonical form; plain ones are taken as they are, codes are written out."""
        cells = without_stated(cells, options)
        if cells.dtype == pl.String:
            values, sure = canonical_strings(cells, most_characters=self.of.most_characters)
            return parse_rest_by_value(self, cells, values, sure, options)
        if cells.dtype.is_integer() or cells.dtype == pl.Boolean:
            return Parsed(cells.cast(pl.String), {})
        return parse_by_value(self, cells, options)

    def respelled(self, values: pl.Series, shown: pl.Series) -> tuple[pl.Series, Counter[tuple[str, str]]]:
        """Return the names as training spells them (`1.0` as `1`)."""
        return respelled(values, shown)
