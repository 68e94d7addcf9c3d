"""A long table in chunks: in memory while it is small, in files of a scratch folder when it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from modelwright.tables.bounds import MOST_COLUMNS
from modelwright.tables.series import series

CHUNK_ROWS = 50_000  # rows that are worked on at once
MEMORY_BYTES = 128 << 20  # of one spool; what goes beyond lies in its folder
CHUNK_BYTES = 64 << 20  # of the files that the rows of a chunk hold


@dataclass(frozen=True)
class Limits:
    """How much is worked on at once: rows of a chunk and bytes of their files, characters of a file, bytes of a spool
    in memory; and columns.

    What is read depends on none of them but the last; a table with more columns is refused.
    """

    rows: int = CHUNK_ROWS
    characters: int = 4 << 20
    memory_bytes: int = MEMORY_BYTES
    columns: int = MOST_COLUMNS
    file_bytes: int = CHUNK_BYTES


@dataclass
class Spool:
    """Frames in the order in which they were added, which can be read again and again.

    The frames need not agree in columns or types: in JSON lines a column may come late, and hold numbers first and
    text later.
    """

    folder: Path
    limits: Limits = field(default_factory=Limits)
    rows: int = 0
    _chunks: list[pl.DataFrame | _Stored] = field(default_factory=list)
    _bytes: int = 0

    def add(self, frame: pl.DataFrame, rows: int | None = None) -> None:
        """Append rows, cut into chunks. `rows`: how many they are, where the frame has no column to count."""
        self.rows += frame.height if rows is None else rows
        if not frame.width:
            self._chunks += (
                [pl.DataFrame({"": pl.Series([None] * (rows or 0), dtype=pl.Null)})] if rows else []
            )
            return
        for chunk in frame.iter_slices(self.limits.rows):
            size = int(chunk.estimated_size())
            if self._bytes + size <= self.limits.memory_bytes:
                self._bytes += size
                self._chunks.append(chunk)
            else:
                self._chunks.append(_store(chunk, self.folder / f"{len(self._chunks)}.arrow"))

    def chunks(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the chunks with these columns, in this order; null where a chunk lacks one."""
        for chunk in self._chunks:
            frame = chunk if isinstance(chunk, pl.DataFrame) else chunk.read(columns)
            height = frame.height
            yield pl.DataFrame(
                {  # not a list: of a list, Polars renames a column whose name is empty
                    name: frame[name]
                    if name in frame.columns
                    else pl.Series(name, [None] * height, dtype=pl.Null)
                    for name in columns
                }
            )

    def heights(self) -> Iterator[int]:
        """Yield how many rows each chunk has."""
        for chunk in self._chunks:
            yield chunk.height


@dataclass(frozen=True)
class _Stored:
    """A chunk in a file; `mixed` are its columns of cells of several types, which lie there as JSON."""

    path: Path
    height: int
    columns: frozenset[str]
    mixed: frozenset[str]

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        wanted = [name for name in columns if name in self.columns] or sorted(self.columns)[:1]
        with self.path.open("rb") as file:  # and not mapped: its pages would count as memory of ours
            frame = pl.read_ipc(file, columns=wanted)
        return frame.with_columns(
            series(name, list(map(json.loads, frame[name]))) for name in wanted if name in self.mixed
        )


def _store(frame: pl.DataFrame, path: Path) -> _Stored:
    path.parent.mkdir(parents=True, exist_ok=True)
    mixed = frozenset(name for name, dtype in frame.schema.items() if dtype == pl.Object)
    plain = frame.with_columns(
        pl.Series(name, list(map(json.dumps, frame[name].to_list())), dtype=pl.String) for name in mixed
    )
    plain.write_ipc(path, compression="uncompressed")
    return _Stored(path, frame.height, frozenset(frame.columns), mixed)
