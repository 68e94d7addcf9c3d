"""Reads Parquet in chunks, and refuses a damaged file in our words and no others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from modelwright.core.messages import DataError, Problem
from modelwright.tables.bounds import MOST_COLUMNS, too_many_columns

SLICE_CELLS = 20_000_000  # that are read at once


def read_parquet(
    path: Path, *, name: str, rows: int, most_columns: int = MOST_COLUMNS
) -> Iterator[pl.DataFrame]:
    """Yield the file's rows, `rows` at a time; decimals as numbers, enumerations as text; raises DataError.

    Of a wide table it is fewer rows at a time.
    """
    width = _width(path, name)
    if width > most_columns:
        raise too_many_columns(name, most_columns)
    rows = max(1, min(rows, SLICE_CELLS // max(width, 1)))
    begin, last = 0, False
    while not last:
        try:
            with _silent_errors():
                frame = (
                    pl.scan_parquet(path, glob=False, hive_partitioning=False)
                    .slice(begin, rows)
                    # What kinds read are plain numbers and text, so decimals and enumerations become these.
                    .with_columns(
                        pl.selectors.decimal().cast(pl.Float64),
                        pl.selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String),
                    )
                    .collect()
                )
        # A footer of nonsense makes the reader panic, which Python sees as a BaseException.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
            raise _damaged(error, name) from None
        last = frame.height < rows
        begin += frame.height
        if frame.height or not begin:
            yield frame


def _width(path: Path, name: str) -> int:
    try:
        with _silent_errors():
            return len(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise _damaged(error, name) from None


def _damaged(error: BaseException, name: str) -> DataError:
    return DataError(Problem("data.parquet", where=name, error=next(iter(str(error).splitlines()), None)))


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
