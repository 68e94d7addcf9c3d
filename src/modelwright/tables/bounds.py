"""How much of a file is held at once, whoever wrote it; each bound has its message."""

from __future__ import annotations

from modelwright.core.messages import DataError, Place, Problem

MOST_COLUMNS = 10_000  # of a table, unless `data.most_columns` says otherwise
MOST_LINE_CHARACTERS = 64 << 20
MOST_CELL_CHARACTERS = 16 << 20  # of delimited text: what a quote that is never closed may swallow
MOST_JSON_CHARACTERS = (
    256 << 20
)  # of a file that is read as a whole; in memory it takes several times as much
MOST_DEPTH = 64  # of lists and objects within a cell of JSON


def too_many_columns(where: Place, most: int) -> DataError:
    """Return the error for a table with more columns than `most`."""
    return DataError(Problem("data.too-many-columns", where=where, most=most))


def long_line(where: Place, line: int | None) -> DataError:
    """Return the error for a line that is longer than MOST_LINE_CHARACTERS."""
    return DataError(Problem("data.long-line", where=where, line=line, most=MOST_LINE_CHARACTERS))
