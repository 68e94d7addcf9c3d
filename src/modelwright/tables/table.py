"""A source as it was read: columns of raw cells, not yet checked by any kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from modelwright.core.messages import Notice, ValueProblem
from modelwright.tables.files.class_names import Names, with_names
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Spool


@dataclass(frozen=True)
class Table:
    """Columns of raw cells by name, read in chunks.

    `name` is what messages call the source. A text file has an `encoding` and `foreign`, its first words beyond
    ASCII; a delimited one has a `separator`.
    `made` are columns that no one wrote: the keys of a JSON object of objects. `notices` are for the summary.
    `stated_names`: by column, the names that the file states for its numbers; `names`: those by which they are read.
    `source` is the file that was read. `refused`: by column, the places of rows that cannot be read, and why.
    """

    name: str
    columns: tuple[str, ...]
    cells: Spool
    encoding: str | None = None
    foreign: tuple[str, ...] = ()
    separator: str | None = None
    made: frozenset[str] = frozenset()
    notices: tuple[Notice, ...] = ()
    source: SourceFile | None = None
    refused: Mapping[str, Mapping[int, ValueProblem]] = field(default_factory=dict)
    stated_names: Mapping[str, Names] = field(default_factory=dict)
    names: Mapping[str, Names] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.cells.rows

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows in chunks, the same each time; all columns, or these."""
        for chunk in self.cells.chunks(self.columns if columns is None else columns):
            named = [
                with_names(chunk[one], names) for one, names in self.names.items() if one in chunk.columns
            ]
            yield chunk.with_columns(named) if named else chunk
