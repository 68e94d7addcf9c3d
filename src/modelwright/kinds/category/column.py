"""Columns of the kind `category`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.category.value import CategoryValue
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.value import Value


class CategoryColumn(Column):
    """A column of `pl.String`."""

    of: ClassVar[Value] = CategoryValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String
