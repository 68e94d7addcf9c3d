"""Columns of the kind `choice`."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.choice.value import ChoiceValue
from modelwright.kinds.contract.column import Column


class ChoiceColumn(Column[frozenset[str]]):
    """A column of `pl.List(pl.String)`, each list sorted."""

    of: ClassVar[ChoiceValue] = ChoiceValue()

    def dtype(self) -> type[pl.DataType] | pl.DataType:
        """Return the type of the column in rows.parquet."""
        return pl.List(pl.String)

    def store(self, value: frozenset[str]) -> object:
        """Return the ids as a sorted list."""
        return sorted(value)

    def restore(self, stored: Any) -> frozenset[str]:
        """Return the ids of a stored list."""
        return frozenset(stored)
