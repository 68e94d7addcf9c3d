"""Reads a file of rows to answer: one like those that the project trains on, of which it takes the inputs.

Predicting needs nothing that only the extra `learn` has, so no Parquet is read here (see `parquet_rows`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from modelwright.core.messages import DataError, Phrase, Place, Problem, did_you_mean
from modelwright.core.signature import Signature
from modelwright.project.declaration.project_file import Opened
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.layout import beyond, first, identifier
from modelwright.tables import delimited, objects
from modelwright.tables.encodings import find_encoding
from modelwright.tables.plain import PlainTable

DELIMITED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


def read(path: Path, config: DataConfig) -> PlainTable:
    """Return the rows of a .csv, .tsv or .jsonl file, under its own names; raises DataError, also without rows."""
    ending = path.suffix.lower()
    text = text_of(path, config)
    if ending in JSON_LINES:
        table = objects.parse_lines(text, name=path.name)
    else:
        apart = config.separator or ("\t" if ending == ".tsv" else None)
        table = delimited.parse(
            text,
            name=path.name,
            separator=apart,
            skip=config.skip_lines,
            header=config.header,
            quotes=config.quotes,
        )
    require_rows(table)
    return table


def text_of(path: Path, config: DataConfig) -> str:
    """Return the text of a file of delimited text or of JSON lines; raises DataError."""
    if path.suffix.lower() not in (*DELIMITED, *JSON_LINES):
        raise DataError(_other_form(path))
    if not path.is_file():
        raise DataError(Problem("predict.no-file", path=str(path)))
    content = path.read_bytes()
    found = find_encoding(lambda: iter([content]), name=path.name, stated=config.encoding)
    return content.decode(found.codec)


def require_rows(table: PlainTable, others: Collection[int] = ()) -> None:
    """Raise DataError for a table without rows, where there are no others either."""
    if not table.rows and not others:
        raise DataError(Problem("predict.no-rows", where=table.name, header=bool(table.columns)))


def named_row(row: Mapping[str, object], signature: Signature, opened: Opened) -> Mapping[str, object]:
    """Return a row by the names of the signature, where it has those of the project's data; others are kept."""
    names = {field.name for field in signature.inputs}
    if row.keys() <= names:
        return row
    own = {name: found for name in names if (found := _candidates(name, row.keys(), opened))}
    taken = {column: name for name, columns in own.items() if len(columns) == 1 for column in columns}
    return {taken.get(column, column): cell for column, cell in row.items()}


def input_rows(
    table: PlainTable, signature: Signature, opened: Opened
) -> Iterator[tuple[Place, Mapping[str, object]]]:
    """Return each row's place (`q.csv, row 8`) and its cells by input; raises DataError as `input_columns` does."""
    columns = input_columns(table, signature, opened)
    return (
        (
            Phrase("place.row", file=table.name, row=place + 1),
            {name: table.columns[of][place] for name, of in columns.items()},
        )
        for place in range(table.rows)
    )


def input_columns(table: PlainTable, signature: Signature, opened: Opened) -> dict[str, str]:
    """Return the column of each input, named as in the project's data or as in the signature.

    Other columns are left out. Raises DataError that names the inputs without a column, for then one of the
    others may be meant; an object of JSON may lack what may be missing, a header may not.
    """
    found = {field.name: _candidates(field.name, table.columns, opened) for field in signature.inputs}
    problems = [_ambiguous(name, columns, table) for name, columns in found.items() if len(columns) > 1]
    has_header = table.separator is not None
    missing = [f.name for f in signature.inputs if not found[f.name] and (has_header or not f.optional)]
    if missing:
        used = {column for columns in found.values() for column in columns}
        left = [column for column in table.columns if column not in used]
        problems.append(_missing(missing, left, table, opened.file.data))
    if problems:
        raise DataError(problems)
    return {name: columns[0] for name, columns in found.items() if columns}


def _candidates(name: str, header: Collection[str], opened: Opened) -> list[str]:
    """Return the columns that can be an input, by the rules that `stages.data.layout.layout` has for the data."""
    config = opened.file.data
    own = config.columns.get(name) if opened.open_inputs else config.columns.get(name, name)
    if own is not None and own in header:
        return [own]
    # Left is a file in the signature's names, or a name that `inputs: "*"` made. What holds something else in
    # the data is neither.
    outputs = {config.columns.get(field.name, field.name) for field in opened.signature.outputs}
    others = {*outputs, *config.columns.values(), *config.keep.values()}
    free = [column for column in header if column not in others]
    return [column for column in free if (identifier(column) if opened.open_inputs else column) == name]


def _other_form(path: Path) -> Problem:
    return Problem(
        "predict.file-form", file=path.name or str(path), endings=[*DELIMITED, *JSON_LINES, *PARQUET]
    )


def _ambiguous(name: str, columns: list[str], table: PlainTable) -> Problem:
    return Problem("predict.column-clash", where=table.name, name=name, columns=columns)


def _missing(names: list[str], left: list[str], table: PlainTable, config: DataConfig) -> Problem:
    wanted = [config.columns.get(name, name) for name in names]
    near = next((found for name in (*wanted, *names) if (found := did_you_mean(name, left))), None)
    return Problem(
        "predict.missing-column",
        where=table.name,
        columns=wanted,
        there=first(table.columns) or None,
        more=beyond(table.columns),
        near=near,
    )
