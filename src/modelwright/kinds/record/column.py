"""Columns of the kind `record`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.record.value import RecordValue


class RecordColumn(Column[str]):
    """A column of `pl.String`: each object as its text."""

    of: ClassVar[RecordValue] = RecordValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String
