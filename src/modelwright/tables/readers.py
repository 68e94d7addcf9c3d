"""Reads a source file by its ending: delimited text, JSON, JSON lines or Parquet, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import polars as pl

from modelwright.core.messages import DataError, Notice, Problem
from modelwright.storage.disk import is_full
from modelwright.tables import objects
from modelwright.tables.delimited import DelimitedRows, TextBlocks, sniff
from modelwright.tables.encodings import find_encoding, foreign_words
from modelwright.tables.parquet import read_parquet
from modelwright.tables.quick import read_blocks
from modelwright.tables.series import series
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Limits, Spool
from modelwright.tables.table import Table

SHOWN_WORDS = 3  # that show whether an encoding was the right one
SHOWN_PLACES = 5
BLOCK_BYTES = 1 << 20
BATCH_ROWS = 20_000  # JSON objects that become columns at once
SLICE_CHUNKS = (
    4  # chunks that are read at once: what lies before a slice in its row group is unpacked each time
)
PARQUET = (".parquet", ".pq")
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", *PARQUET)


def read(
    file: SourceFile,
    scratch: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    limits: Limits | None = None,
) -> Table:
    """Return the rows of one file; raises DataError for one that is empty, broken or of no known ending.

    `scratch`: a folder of the table's own, for what does not fit into memory. `encoding` and `separator` None:
    detected. Cells of delimited text are text; those of JSON and Parquet have the types that they were written
    with. The cells do not depend on `limits`.
    """
    ending = _ending(file)
    cells = Spool(scratch, limits or Limits())
    if ending in PARQUET:
        table = _parquet(file, cells)
    else:
        with _readable(file):
            table = _text(file, ending, cells, encoding=encoding, separator=separator)
    if not table.rows:
        raise DataError(Problem("data.no-rows", where=file.name))
    return table


def _parquet(file: SourceFile, cells: Spool) -> Table:
    columns: tuple[str, ...] = ()
    for frame in read_parquet(file.path, name=file.name, rows=cells.limits.rows * SLICE_CHUNKS):
        columns = tuple(frame.columns)
        cells.add(frame)
    return Table(file.name, columns, cells)


def _text(
    file: SourceFile, ending: str, cells: Spool, *, encoding: str | None, separator: str | None
) -> Table:
    found = find_encoding(lambda: _blocks(file), name=file.name, stated=encoding)
    foreign = foreign_words(found.start, SHOWN_WORDS)
    delimited = ending in {".csv", ".tsv"}
    # Lines of JSON end at a line feed alone; those of delimited text end as the reader says.
    with _opened(file) as raw, io.TextIOWrapper(raw, found.codec, newline="" if delimited else "\n") as text:
        if delimited:
            apart = separator or ("\t" if ending == ".tsv" else None)
            rows = _delimited(text, file.name, apart, cells)
            names = tuple(filter(None, rows.header.names))
            notices = _unnamed(rows.header.unnamed, file.name)
            return Table(file.name, names, cells, found.name, foreign, rows.separator, notices=notices)
        if ending == ".json":
            content, made = objects.read_rows(text.read(), name=file.name)
            columns = _add_objects(iter(content), cells)
            return Table(file.name, columns, cells, found.name, foreign, made=made)
        columns = _add_objects(objects.read_lines(text, name=file.name), cells)
        return Table(file.name, columns, cells, found.name, foreign)


def _delimited(text: io.TextIOWrapper, name: str, separator: str | None, cells: Spool) -> DelimitedRows:
    blocks = TextBlocks(text, cells.limits.characters)
    rows = DelimitedRows(name, separator or sniff(blocks.start, whole=blocks.whole))
    rows.read_header(blocks.lines())
    for frame in read_blocks(blocks, rows):
        cells.add(frame, frame.height)
    rows.finish()
    return rows


def _add_objects(rows: Iterator[objects.Row], cells: Spool) -> tuple[str, ...]:
    """Add rows in batches and return the columns of all names that any object has, as first seen."""
    seen: dict[str, None] = {}
    size = min(BATCH_ROWS, cells.limits.rows)
    while batch := list(islice(rows, size)):
        names = dict.fromkeys(column for row in batch for column in row)
        seen |= names
        cells.add(
            pl.DataFrame({name: series(name, [row.get(name) for row in batch]) for name in names}), len(batch)
        )
    return tuple(seen)


def _unnamed(places: Sequence[int], name: str) -> tuple[Notice, ...]:
    if not places:
        return ()
    return (Notice("data.unnamed-column", file=name, count=len(places), places=list(places[:SHOWN_PLACES])),)


def _ending(file: SourceFile) -> str:
    name = PurePosixPath(file.path.name.lower())
    ending = PurePosixPath(name.stem).suffix if name.suffix == ".gz" else name.suffix
    if ending not in ENDINGS or (name.suffix == ".gz" and ending in PARQUET):
        raise DataError(
            Problem("data.unknown-format", where=file.name, file=file.path.name, endings=list(ENDINGS))
        )
    return ending


def _opened(file: SourceFile) -> BinaryIO:
    if file.path.name.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(file.path))
    return file.path.open("rb")


def _blocks(file: SourceFile) -> Iterator[bytes]:
    with _opened(file) as raw:
        while block := raw.read(BLOCK_BYTES):
            yield block


@contextmanager
def _readable(file: SourceFile) -> Iterator[None]:
    """Raise DataError for a file that cannot be read, or unpacked."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        if is_full(error):  # of the scratch folder: no fault of the source
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(Problem("data.unreadable-file", where=file.name, error=str(reason))) from None
