"""Columns of the kind `audio`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.audio.value import AudioValue
from modelwright.kinds.contract.column import Column


class AudioColumn(Column[bytes]):
    """A column of `pl.Binary`: the files as they came."""

    of: ClassVar[AudioValue] = AudioValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Binary
