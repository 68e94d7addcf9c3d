"""Columns of the kind `spans`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.shared.lists.span_columns import ColumnOfSpans
from modelwright.kinds.spans.value import SpansValue


class SpansColumn(ColumnOfSpans):
    """A column of lists of `{start, end, label, text}`."""

    of: ClassVar[SpansValue] = SpansValue()
