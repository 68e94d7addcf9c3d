"""Which files the cells of a table name: what the data rests on beside the table itself."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from modelwright.core.messages import ValueProblem
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.files.stated_tables import table_of
from modelwright.tables.files.lookup import lookup
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Limits


def named_files(
    file: SourceFile, columns: Collection[str], config: DataConfig, project: Path
) -> tuple[dict[str, str], list[str]]:
    """Return the files that some columns name, path in the cell → path on the disk, and where others were looked for.

    columns: those that there are of them. Raises DataError where the table cannot be read.
    """
    files = lookup(file, project, config.files.folder, config.files.largest)
    there: dict[str, str] = {}
    missing: list[str] = []
    for cell in _paths(file, columns, config):
        try:
            there[cell] = files.find(cell).path
        except ValueProblem:
            missing += files.places(cell)
    return there, missing


def _paths(file: SourceFile, columns: Collection[str], config: DataConfig) -> Iterator[str]:
    """Yield the different texts of the columns that are no data URIs."""
    with tempfile.TemporaryDirectory() as scratch:
        table = table_of(file, Path(scratch), config, Limits(), config.header)
        named = [name for name in columns if name in table.columns]
        known: set[str] = set()
        for chunk in table.chunks(named):
            for column in chunk:
                for cell in _texts(column):
                    text = cell.strip()
                    if (
                        text
                        and text not in known
                        and len(text) < MOST_CHARACTERS
                        and text[:5].lower() != "data:"
                    ):
                        known.add(text)
                        yield text


MOST_CHARACTERS = 4_096  # of a path (Linux, limits.h); what is longer is a file in base64


def _texts(column: pl.Series) -> Iterator[str]:
    if column.dtype == pl.Binary:
        return
    for cell in column.to_list():
        path = cell.get("path") if isinstance(cell, dict) and cell.get("bytes") is None else cell
        if isinstance(path, str):
            yield path
