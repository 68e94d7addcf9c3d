"""The rows of all sources, one source after the other, in chunks of raw cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import ValueProblem
from modelwright.tables.table import Table

MOST_SHOWN = 250  # characters of a path; what is longer is a data URI


@dataclass(frozen=True)
class Chunk:
    """Some rows that follow each other in a source. `begin` is the place of the first among all rows.

    `given`: the split whose files hold them (`source`: ours to split); `number`: of the first row in its source,
    from 1; `refused`: by column, the places of cells whose files cannot be read, and why (there the cell is null);
    `paths`: by column, the cells that named the files which were opened.
    """

    table: Table
    given: str
    begin: int
    number: int
    cells: pl.DataFrame
    refused: Mapping[str, Mapping[int, ValueProblem]] = field(default_factory=dict)
    paths: Mapping[str, pl.Series] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """Return the place after the last row."""
        return self.begin + self.cells.height

    def named(self, columns: Mapping[str, str]) -> Chunk:
        """Return the same rows with columns under other names: name → column."""
        return replace(
            self,
            cells=pl.DataFrame([self.cells[of].alias(name) for name, of in columns.items()]),
            refused={name: self.refused[of] for name, of in columns.items() if of in self.refused},
            paths={name: self.paths[of] for name, of in columns.items() if of in self.paths},
        )

    def file_of(self, name: str, place: int) -> str | None:
        """Return the path of a row's file that was opened; None of what is no path."""
        if name not in self.paths or place in self.refused.get(name, ()):
            return None
        cell = self.paths[name][place]
        return cell if isinstance(cell, str) and len(cell) < MOST_SHOWN else None


class Files(Protocol):
    """What knows which columns hold files (see `files.file_columns`)."""

    def heights(self, table: Table) -> Sequence[int]:
        """Return how many rows each chunk of a table has."""

    def opened(
        self, table: Table, cells: pl.DataFrame
    ) -> tuple[pl.DataFrame, Mapping[str, Mapping[int, ValueProblem]]]:
        """Return the rows with bytes in place of paths, and by column which of them cannot be read."""


@dataclass(frozen=True)
class RawRows:
    """All rows that were read: tables, each with the split that it is for, in the order of the rows.

    files: what opens the columns that hold files; heights: by table, the rows of each chunk (None: as they are stored).
    """

    tables: Sequence[tuple[str, Table]]
    files: Files | None = None
    heights: Sequence[Sequence[int]] | None = None

    def __len__(self) -> int:
        return sum(table.rows for _, table in self.tables)

    def by_table(self, rows: NDArray[np.bool_]) -> Iterator[tuple[Table, NDArray[np.bool_]]]:
        """Yield each table with what is true of its own among all rows (n,)."""
        begin = 0
        for _, table in self.tables:
            yield table, rows[begin : begin + table.rows]
            begin += table.rows

    def holding(self, files: Files) -> RawRows:
        """Return the same rows with columns that hold files, in chunks that are no larger than the files allow."""
        return RawRows(self.tables, files, [files.heights(table) for _, table in self.tables])

    def chunks(self, columns: Mapping[str, str] | None = None, *, opened: bool = False) -> Iterator[Chunk]:
        """Yield all rows, the same chunks each time. `columns`: name → column of the source; None: all as they are.

        opened: with the bytes of files in place of their paths.
        """
        begin = 0
        wanted = None if columns is None else tuple(dict.fromkeys(columns.values()))
        for place, (given, table) in enumerate(self.tables):
            number = 1
            for cells in self._cells(place, wanted):
                chunk = Chunk(table, given, begin, number, cells, _refused(table, number - 1, cells.height))
                begin, number = chunk.end, number + cells.height
                if opened:
                    chunk = self.open(chunk)
                yield chunk if columns is None else chunk.named(columns)

    def open(self, chunk: Chunk) -> Chunk:
        """Return a chunk with the bytes of files in place of their paths."""
        if self.files is None:
            return chunk
        cells, refused = self.files.opened(chunk.table, chunk.cells)
        paths = {one: chunk.cells[one] for one in refused}
        return replace(chunk, cells=cells, refused={**chunk.refused, **refused}, paths=paths)

    def _cells(self, place: int, wanted: tuple[str, ...] | None) -> Iterator[pl.DataFrame]:
        """Yield the stored chunks of a table, cut to the heights."""
        _, table = self.tables[place]
        heights = None if self.heights is None else iter(self.heights[place])
        for stored in table.chunks(wanted):
            if heights is None:
                yield stored
                continue
            at = 0
            while at < stored.height:
                height = next(heights)
                yield stored.slice(at, height)
                at += height


def _refused(table: Table, begin: int, height: int) -> Mapping[str, Mapping[int, ValueProblem]]:
    """Return which rows of a chunk cannot be read, by column and place in the chunk."""
    return {
        name: here
        for name, of_column in table.refused.items()
        if (here := {at - begin: why for at, why in of_column.items() if begin <= at < begin + height})
    }
