"""Reads Parquet in chunks, and refuses a damaged file in our words and no others."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from modelwright.core.messages import DataError, Problem
from modelwright.tables.bounds import MOST_COLUMNS, too_many_columns

SLICE_CELLS = 20_000_000  # that are read at once
SLICE_BYTES = 64 << 20  # of pictures, sounds and other files, which hardly compress, that are read at once


def read_parquet(
    path: Path, *, name: str, rows: int, most_columns: int = MOST_COLUMNS
) -> Iterator[pl.DataFrame]:
    """Yield the file's rows, `rows` at a time; decimals as numbers, enumerations as text; raises DataError.

    Of a wide table, and of one that holds files, it is fewer rows at a time.
    """
    schema = _schema(path, name)
    if len(schema) > most_columns:
        raise too_many_columns(name, most_columns)
    composed = _composed(schema, name)
    rows = max(1, min(rows, SLICE_CELLS // max(len(schema), 1)))
    if any(map(_holds_bytes, schema.values())):
        rows = max(1, min(rows, _rows_of(path, name, SLICE_BYTES)))
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
                    .rename(composed)
                    .collect()
                )
        # A footer of nonsense makes the reader panic, which Python sees as a BaseException.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
            raise _damaged(error, name) from None
        last = frame.height < rows
        begin += frame.height
        if frame.height or not begin:
            yield frame


def _composed(schema: Mapping[str, pl.DataType], name: str) -> dict[str, str]:
    """Return the columns that are not in NFC, as names of a header are, with how they are then; raises DataError."""
    found = {column: unicodedata.normalize("NFC", column) for column in schema}
    if len(set(found.values())) < len(found):
        twice = [column for column, composed in found.items() if column != composed and composed in found]
        raise DataError(Problem("data.duplicate-column", where=name, key=None, columns=twice))
    return {column: composed for column, composed in found.items() if column != composed}


def _schema(path: Path, name: str) -> Mapping[str, pl.DataType]:
    try:
        with _silent_errors():
            return pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise _damaged(error, name) from None


def _rows_of(path: Path, name: str, size: int) -> int:
    """Return in how many rows a file has so many bytes on average."""
    try:
        with _silent_errors():
            rows = (
                pl.scan_parquet(path, glob=False, hive_partitioning=False).select(pl.len()).collect().item()
            )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise _damaged(error, name) from None
    return int(size * rows / max(path.stat().st_size, 1))


def _holds_bytes(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_holds_bytes(one.dtype) for one in dtype.fields if isinstance(one.dtype, pl.DataType))
    return dtype == pl.Binary


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
