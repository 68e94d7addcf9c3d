"""Columns of the kind `number`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.value import Value
from modelwright.kinds.number.value import NumberValue


class NumberColumn(Column):
    """A column of `pl.Float64`."""

    of: ClassVar[Value] = NumberValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Float64
