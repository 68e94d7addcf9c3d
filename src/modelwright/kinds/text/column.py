"""Columns of the kind `text`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.column import (
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
    without_stated,
)
from modelwright.kinds.shared.string_columns import canonical_strings
from modelwright.kinds.text.value import TextValue


class TextColumn(Column[str]):
    """A column of `pl.String`."""

    of: ClassVar[TextValue] = TextValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return texts in their canonical form; plain ones are taken as they are."""
        cells = without_stated(cells, options)
        if cells.dtype != pl.String or options.lines or options.exact:
            return parse_by_value(self, cells, options)
        values, sure = canonical_strings(cells, most_characters=self.of.most_characters)
        return parse_rest_by_value(self, cells, values, sure, options)
