"""The facet `column`: a whole column of a table at once, in Polars. Needs the extra `learn`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.value import Value


@dataclass(frozen=True)
class Parsed:
    """A column as it was read: values (n,) of the kind's own type, null where missing or refused.

    `refused` maps a position to why its cell is refused. Positions count within the column that was given.
    """

    values: pl.Series
    refused: dict[int, ValueProblem]


class Column(ABC):
    """How a kind's values lie in a table, and how a column of raw cells is read.

    `of` is the kind's own `value` facet. The default of `parse` reads every distinct cell once with
    `Value.parse`; a kind that can do better with the expressions of Polars does, and gives the same values.
    """

    of: ClassVar[Value]

    @abstractmethod
    def dtype(self) -> pl.DataType | type[pl.DataType]:
        """Return the type of the kind's column in rows.parquet."""

    def store(self, value: Any) -> Any:
        """Return a canonical value as Polars stores it."""
        return value

    def restore(self, stored: Any) -> Any:
        """Return the canonical value of what Polars gives back (None stays None)."""
        return stored

    def parse(self, cells: pl.Series) -> Parsed:
        """Return a column's values, read as `Value.parse(cell, lenient=True)` reads each cell."""
        return parse_by_value(self, cells)

    def values(self, column: pl.Series) -> list[Any]:
        """Return the canonical values of a stored column (None: missing)."""
        return [None if one is None else self.restore(one) for one in column.to_list()]


def parse_by_value(column: Column, cells: pl.Series) -> Parsed:
    """Read a column cell by cell, each distinct cell once; positions of refused cells are kept."""
    known: dict[Any, Any] = {}
    stored: list[Any] = []
    refused: dict[int, ValueProblem] = {}
    for place, cell in enumerate(cells.to_list()):
        # by type too: 1, 1.0 and True are equal, and no kind reads them alike; a list cannot be remembered
        key = (type(cell), cell) if isinstance(cell, str | int | float | bool) else None
        found = known.get(key) if key is not None else None
        if found is None:
            try:
                value = column.of.parse(cell, lenient=True)
                found = (None if value is None else column.store(value), None)
            except ValueProblem as problem:
                found = (None, problem)
            if key is not None and len(known) < MOST_REMEMBERED:
                known[key] = found
        stored.append(found[0])
        if found[1] is not None:
            refused[place] = found[1]
    return Parsed(pl.Series(cells.name, stored, dtype=column.dtype(), strict=False), refused)


MOST_REMEMBERED = 100_000  # distinct cells of a column; beyond that each is read anew
