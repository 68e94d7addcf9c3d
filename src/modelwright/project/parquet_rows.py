"""Reads a Parquet file of rows to answer. Needs Polars, which the extra `learn` brings."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from modelwright.tables.files.class_names import class_names
from modelwright.tables.parquet import read_parquet
from modelwright.tables.plain import PlainTable

ROWS = 100_000  # at once


def parquet_rows(path: Path) -> PlainTable:
    """Return the rows of a Parquet file; raises DataError for a damaged one."""
    frame = pl.concat(list(read_parquet(path, name=path.name, rows=ROWS)))
    # a column for every input, as in a table with a header
    columns = frame.to_dict(as_series=False)
    return PlainTable(path.name, columns, frame.height, separator="", stated_names=class_names(path))
