"""The rows of a file to answer: those that can be read as rows, and the numbers of those that cannot."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import DataError, Phrase, Problem
from modelwright.project.input_file import JSON_LINES, PARQUET, require_rows, text_of
from modelwright.stages.data.config import DataConfig
from modelwright.tables import objects
from modelwright.tables.bounds import MOST_COLUMNS, too_many_columns
from modelwright.tables.delimited import begun, long_cells
from modelwright.tables.plain import PlainTable


def _no_problem(number: int) -> Problem:
    raise LookupError(number)


@dataclass(frozen=True)
class FileRows:
    """The rows of a file: a table of those that were read, and the `numbers` that these have, from 1.

    `broken`: in order, the numbers of rows that are no row: a line that is no JSON, too few or too many cells. Of
    each, `why` says what is wrong with it, once it is asked: there may be very many.
    """

    table: PlainTable
    numbers: Sequence[int]
    broken: Sequence[int] = ()
    why: Callable[[int], Problem] = _no_problem


def read(path: Path, config: DataConfig) -> FileRows:
    """Return the rows of a .csv, .tsv, .jsonl or .parquet file; raises DataError for one that cannot be read at all."""
    ending = path.suffix.lower()
    if ending in PARQUET:
        found = _parquet(path)
    elif ending in JSON_LINES:
        found = _json_lines(text_of(path, config), path.name)
    else:
        apart = config.separator or ("\t" if ending == ".tsv" else None)
        found = _delimited(text_of(path, config), path.name, apart, config)
    require_rows(found.table, found.broken)
    return found


def _delimited(text: str, name: str, separator: str | None, config: DataConfig) -> FileRows:
    numbers: list[int] = []
    broken: list[int] = []
    with long_cells():
        rows, lines = begun(
            text,
            name=name,
            separator=separator,
            skip=config.skip_lines,
            header=config.header,
            quotes=config.quotes,
        )
        cells: list[list[str]] = [[] for _ in rows.header.names]
        before = 0
        for row in rows.read(lines):
            broken += range(before + 1, rows.row)
            numbers.append(before := rows.row)
            for column, cell in zip(cells, row, strict=True):
                column.append(cell)
        broken += range(before + 1, rows.row + 1)
    width = len(rows.header.names)

    def why(number: int) -> Problem:
        return Problem("predict.row-width", where=Phrase("place.row", file=name, row=number), width=width)

    columns = {column: cells[place] for place, column in enumerate(rows.header.names) if column}
    table = PlainTable(name, columns, len(numbers), separator=rows.separator)
    return FileRows(table, numbers, broken, why)


def _json_lines(text: str, name: str) -> FileRows:
    good: list[objects.Row] = []
    numbers: list[int] = []
    broken: dict[int, tuple[int, str]] = {}  # the line of each, and what stands there
    number = 0
    for line, content in enumerate(io.StringIO(text, newline="\n"), start=1):
        if not content.strip():
            continue
        number += 1
        try:
            good += _row_of(content, name)
        except DataError:
            broken[number] = line, content
        else:
            numbers.append(number)

    def why(number: int) -> Problem:
        line, content = broken[number]
        try:
            _row_of(content, name)
        except DataError as error:
            return error.problems[0].at(Phrase("place.row", file=name, row=number, line=line))
        raise LookupError(number)

    names = dict.fromkeys(column for row in good for column in row)
    if len(names) > MOST_COLUMNS:
        raise too_many_columns(name, MOST_COLUMNS)
    columns = {column: [row.get(column) for row in good] for column in names}
    return FileRows(PlainTable(name, columns, len(good)), numbers, list(broken), why)


def _row_of(line: str, name: str) -> list[objects.Row]:
    return list(objects.read_lines([line.removesuffix("\n")], name=name))


def _parquet(path: Path) -> FileRows:
    try:
        from modelwright.project.parquet_rows import parquet_rows
    except ModuleNotFoundError:
        raise DataError(Problem("predict.no-parquet", file=path.name)) from None
    if not path.is_file():
        raise DataError(Problem("predict.no-file", path=str(path)))
    table = parquet_rows(path)
    return FileRows(table, range(1, table.rows + 1))
