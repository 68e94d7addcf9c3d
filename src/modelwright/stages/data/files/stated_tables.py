"""A table of a project's sources, read as its project file states how cells are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from modelwright.stages.data.config import DataConfig
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Limits
from modelwright.tables.table import Table


def table_of(
    file: SourceFile, scratch: Path, config: DataConfig, limits: Limits, header: Sequence[str]
) -> Table:
    """Return the rows of a file; raises DataError. header: names of its columns, where its first row has none."""
    return read(
        file,
        scratch,
        encoding=config.encoding,
        separator=config.separator,
        skip=config.skip_lines,
        header=header,
        quotes=config.quotes,
        piece=config.piece,
        limits=replace(limits, columns=config.most_columns),
    )
