"""Columns of spans in rows.parquet. Apart from `text_spans`, for what serves needs no Polars."""

from __future__ import annotations

from typing import Any

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.lists import text_spans
from modelwright.kinds.shared.lists.text_spans import TextSpans


class ColumnOfSpans(Column[TextSpans]):
    """A column of lists of `{start, end, label, text}`."""

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        places = {"start": pl.Int64, "end": pl.Int64}
        return pl.List(pl.Struct({**places, "label": pl.String, "text": pl.String}))

    def store(self, value: TextSpans) -> object:
        """Return the spans as objects."""
        return text_spans.stored(value)

    def restore(self, stored: Any) -> TextSpans:
        """Return the spans of stored objects."""
        return text_spans.restored(stored)
