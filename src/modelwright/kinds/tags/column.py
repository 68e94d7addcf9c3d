"""Columns of the kind `tags`."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.tags.value import TagsValue


class TagsColumn(Column[frozenset[str]]):
    """A column of `pl.List(pl.String)`, each list sorted."""

    of: ClassVar[TagsValue] = TagsValue()

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        return pl.List(pl.String)

    def store(self, value: frozenset[str]) -> object:
        """Return the tags as a sorted list."""
        return sorted(value)

    def restore(self, stored: Any) -> frozenset[str]:
        """Return the set of a stored list."""
        return frozenset(stored)
