"""Columns of the kind `image`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.image.value import ImageValue


class ImageColumn(Column[bytes]):
    """A column of `pl.Binary`: the bytes of each file. Every cell is read by itself."""

    of: ClassVar[ImageValue] = ImageValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Binary
