"""Columns of the kind `span`."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.lists import text_spans
from modelwright.kinds.shared.lists.span_columns import spans_dtype
from modelwright.kinds.shared.lists.text_spans import TextSpans
from modelwright.kinds.span.value import SpanValue


class SpanColumn(Column[TextSpans]):
    """A column of lists of `{start, end, label, text}`."""

    of: ClassVar[SpanValue] = SpanValue()

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        return spans_dtype()

    def store(self, value: TextSpans) -> object:
        """Return the spans as objects."""
        return text_spans.stored(value)

    def restore(self, stored: Any) -> TextSpans:
        """Return the spans of stored objects."""
        return text_spans.restored(stored)
