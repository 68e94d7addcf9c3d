"""Reads a file of rows to answer: one like those that the project trains on, of which it takes the inputs.

Predicting needs nothing that only the extra `learn` has, so no Parquet is read here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.core.signature import Signature
from modelwright.project.declaration.file import Opened
from modelwright.stages.data import delimited, objects
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.encodings import decode
from modelwright.stages.data.fields import identifier, listed
from modelwright.stages.data.table import Table

DELIMITED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")


def read(path: Path, config: DataConfig) -> Table:
    """Return the rows of a .csv, .tsv or .jsonl file, under its own names; raises DataError, also without rows."""
    ending = path.suffix.lower()
    if ending not in (*DELIMITED, *JSON_LINES):
        raise DataError(_other_form(path))
    if not path.is_file():
        raise DataError(
            Problem("predict.no-file", "--file names a file", f"none at {path}", "check the path", str(path))
        )
    text, _ = decode(path.read_bytes(), name=path.name, stated=config.encoding)
    if ending in JSON_LINES:
        table = objects.parse_lines(text, name=path.name)
    else:
        apart = config.separator or ("\t" if ending == ".tsv" else None)
        table = delimited.parse(text, name=path.name, separator=apart)
    if not table.rows:
        raise DataError(
            Problem(
                "predict.no-rows",
                "a file to answer has rows",
                "a header and no row below it" if table.columns else "no row",
                "write one row for each answer, or look at how the file was made",
                path.name,
            )
        )
    return table


def input_rows(table: Table, signature: Signature, opened: Opened) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return each row's place (`q.csv, row 8`) and its cells by input; raises DataError as `input_columns` does."""
    columns = input_columns(table, signature, opened)
    return (
        (f"{table.name}, row {place + 1}", {name: table.columns[of][place] for name, of in columns.items()})
        for place in range(table.rows)
    )


def input_columns(table: Table, signature: Signature, opened: Opened) -> dict[str, str]:
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
    """Return the columns that can be an input, by the rules that `stages.data.fields.layout` has for the data."""
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
        "predict.file-form",
        f"--file reads {', '.join((*DELIMITED, *JSON_LINES))}",
        f"`{path.name}`",
        "save the rows as one of these",
    )


def _ambiguous(name: str, columns: list[str], table: Table) -> Problem:
    return Problem(
        "predict.column-clash",
        f"one column holds the input `{name}`",
        " and ".join(f"`{column}`" for column in columns),
        "leave out all but the one that the project's data has",
        table.name,
    )


def _missing(names: list[str], left: list[str], table: Table, config: DataConfig) -> Problem:
    wanted = [config.columns.get(name, name) for name in names]
    near = next((found for name in (*wanted, *names) if (found := did_you_mean(name, left))), None)
    return Problem(
        "predict.missing-column",
        "the file has a column for every input, named as in the project's data or in the signature",
        f"none for {listed(wanted)}; there are {listed(table.columns)}",
        f"did you mean `{near}`? Rename it in the file" if near else f"add {listed(wanted)} to the file",
        table.name,
    )
