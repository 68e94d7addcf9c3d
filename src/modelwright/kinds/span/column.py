"""Columns of the kind `span`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.shared.lists.span_columns import ColumnOfSpans
from modelwright.kinds.span.value import SpanValue


class SpanColumn(ColumnOfSpans):
    """A column of lists of `{start, end, label, text}`."""

    of: ClassVar[SpanValue] = SpanValue()
