"""Columns of the kind `tags`."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.string_columns import respelled
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

    def respelled(self, values: pl.Series, shown: pl.Series) -> tuple[pl.Series, Counter[tuple[str, str]]]:
        """Return the sets with their tags as training spells them (`1.0` as `1`)."""
        _, changed = respelled(values.explode(), shown.explode())
        if not changed:
            return values, changed
        pairs = dict(changed.keys())
        sets = [
            None if one is None else sorted({pairs.get(tag, tag) for tag in one}) for one in values.to_list()
        ]
        return pl.Series(values.name, sets, dtype=self.dtype()), changed
