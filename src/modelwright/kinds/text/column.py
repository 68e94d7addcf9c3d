"""Columns of the kind `text`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.value import Value
from modelwright.kinds.text.value import TextValue


class TextColumn(Column):
    """A column of `pl.String`."""

    of: ClassVar[Value] = TextValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String
