"""The rows of all sources, one source after the other, in chunks of raw cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from modelwright.tables.table import Table


@dataclass(frozen=True)
class Chunk:
    """Some rows that follow each other in a source. `begin` is the place of the first among all rows.

    `given`: the split whose files hold them (`source`: ours to split); `number`: of the first row in its source,
    from 1.
    """

    table: Table
    given: str
    begin: int
    number: int
    cells: pl.DataFrame

    @property
    def end(self) -> int:
        """Return the place after the last row."""
        return self.begin + self.cells.height

    def named(self, columns: Mapping[str, str]) -> Chunk:
        """Return the same rows with columns under other names: name → column."""
        return replace(self, cells=pl.DataFrame([self.cells[of].alias(name) for name, of in columns.items()]))


@dataclass(frozen=True)
class RawRows:
    """All rows that were read: tables, each with the split that it is for, in the order of the rows."""

    tables: Sequence[tuple[str, Table]]

    def __len__(self) -> int:
        return sum(table.rows for _, table in self.tables)

    def chunks(self, columns: Mapping[str, str] | None = None) -> Iterator[Chunk]:
        """Yield all rows, the same chunks each time. `columns`: name → column of the source; None: all as they are."""
        begin = 0
        for given, table in self.tables:
            number = 1
            wanted = None if columns is None else tuple(dict.fromkeys(columns.values()))
            for cells in table.chunks(wanted):
                chunk = Chunk(table, given, begin, number, cells)
                yield chunk if columns is None else chunk.named(columns)
                begin, number = chunk.end, number + cells.height
