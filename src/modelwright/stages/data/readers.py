"""Reads a source file by its ending: delimited text, JSON, JSON lines or Parquet, plain or gzipped."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import polars as pl

from modelwright.core.messages import DataError, Problem
from modelwright.stages.data import delimited, objects
from modelwright.stages.data.encodings import decode, foreign_words
from modelwright.stages.data.sources import SourceFile
from modelwright.stages.data.table import Table

SHOWN_WORDS = 3  # that show whether an encoding was the right one
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")


def read(file: SourceFile, *, encoding: str | None, separator: str | None) -> Table:
    """Return the rows of one file; raises DataError for one that is empty, broken or of no known ending.

    `encoding` and `separator` None: detected. Cells of delimited text are text; those of JSON and Parquet
    have the types that they were written with.
    """
    ending = _ending(file)
    if ending in {".parquet", ".pq"}:
        table = _parquet(file)
    else:
        text, used = decode(_bytes(file), name=file.name, stated=encoding)
        if ending in {".csv", ".tsv"}:
            apart = separator or ("\t" if ending == ".tsv" else None)
            table = delimited.parse(text, name=file.name, separator=apart)
        else:
            parse = objects.parse if ending == ".json" else objects.parse_lines
            table = parse(text, name=file.name)
        table = replace(table, encoding=used, foreign=tuple(foreign_words(text, SHOWN_WORDS)))
    if not table.rows:
        raise DataError(
            Problem("data.no-rows", "a source has rows", "none", "look at how it was written", file.name)
        )
    return table


def _ending(file: SourceFile) -> str:
    name = PurePosixPath(file.path.name.lower())
    ending = PurePosixPath(name.stem).suffix if name.suffix == ".gz" else name.suffix
    if ending not in ENDINGS or (name.suffix == ".gz" and ending in {".parquet", ".pq"}):
        raise DataError(
            Problem(
                "data.unknown-format",
                f"a source ends in {', '.join(ENDINGS)}; text also in .gz",
                f"`{file.path.name}`",
                "convert it to one of these, or give it the ending of what it holds",
                file.name,
            )
        )
    return ending


def _bytes(file: SourceFile) -> bytes:
    try:
        data = file.path.read_bytes()
        return gzip.decompress(data) if file.path.name.lower().endswith(".gz") else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            Problem(
                "data.unreadable-file",
                "a source can be read, and unpacked where it ends in .gz",
                str(error.strerror if isinstance(error, OSError) and error.strerror else error),
                "look at its permissions, and whether it was copied whole",
                file.name,
            )
        ) from None


@contextmanager
def _silent_errors() -> Iterator[None]:
    """Keep what native code writes to standard error (the trace of a panic) to itself; it is raised as well."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _parquet(file: SourceFile) -> Table:
    try:
        with _silent_errors():
            frame = pl.read_parquet(file.path, glob=False)
    # A footer of nonsense makes the reader panic, which Python sees as a BaseException.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise DataError(
            Problem(
                "data.parquet",
                "a .parquet file is Parquet",
                (str(error).splitlines() or ["a file that the reader cannot make sense of"])[0],
                "look at whether it was copied whole, and what wrote it",
                file.name,
            )
        ) from None
    # What kinds read are plain numbers and text, so decimals and enumerations become these.
    frame = frame.with_columns(
        pl.selectors.decimal().cast(pl.Float64),
        pl.selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String),
    )
    return Table(file.name, frame.to_dict(as_series=False), frame.height)
