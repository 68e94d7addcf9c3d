"""Columns of the kind `boolean`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.boolean.value import BooleanValue
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.value import Value


class BooleanColumn(Column):
    """A column of `pl.Boolean`."""

    of: ClassVar[Value] = BooleanValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Boolean
