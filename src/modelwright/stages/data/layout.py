"""Which column of the data is which field of the signature, and what `inputs: "*"` stands for."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelwright.core.messages import DataError, Notice, Problem, did_you_mean
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig

ID = "id"  # the column of rows.parquet that names the row


class TableHeader(Protocol):
    """What is read of a table: what it is called, its columns, and those of them that no one wrote."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> Collection[str]: ...

    @property
    def made(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Layout:
    """Names in the signature, and kept names, each with its column in the data.

    `wildcard` are inputs whose kind the data decides; `notices` are for the summary.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    keep: Mapping[str, str]
    wildcard: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def fields(self) -> Mapping[str, str]:
        """Return inputs and outputs together."""
        return {**self.inputs, **self.outputs}


def layout(signature: Signature, config: DataConfig, tables: Sequence[TableHeader]) -> Layout:
    """Return the column of each field; raises DataError for every name that has none, and for clashes.

    `tables` begin with one that trains. A signature without inputs (`inputs: "*"`) takes its columns, all
    that are neither an output nor kept.
    """
    outputs = {field.name: config.columns.get(field.name, field.name) for field in signature.outputs}
    notices: tuple[Notice, ...] = ()
    wildcard = not signature.inputs
    if wildcard:
        inputs, notices = _every_column(tables[0], config, taken={*outputs.values(), *config.keep.values()})
    else:
        inputs = {field.name: config.columns.get(field.name, field.name) for field in signature.inputs}
    found = Layout(inputs, outputs, config.keep, tuple(inputs) if wildcard else (), notices)
    problems = [*_clashes(found), *_unknown_names(found, config)]
    for table in tables:
        problems += _missing_columns(found, table)
    if problems:
        raise DataError(problems)
    return found


def _every_column(
    table: TableHeader, config: DataConfig, taken: set[str]
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    renamed = {column: name for name, column in config.columns.items()}
    inputs: dict[str, str] = {}
    notices = []
    for column in table.columns:
        if column in taken or column in table.made:
            continue
        name = renamed.get(column) or identifier(column)
        if name == ID:
            notices.append(Notice("data.id-column", column=column))
            continue
        if name in inputs:
            raise DataError(
                Problem("data.column-clash", where=table.name, name=name, first=inputs[name], second=column)
            )
        inputs[name] = column
    return inputs, tuple(notices)


def identifier(column: str) -> str:
    """Return a column's name as a name of the signature: `emp.var.rate` → `emp_var_rate`, `1st` → `x1st`."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", column)).strip("_")
    if not name.isidentifier():
        name = f"x{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _clashes(found: Layout) -> Iterator[Problem]:
    for name in (*found.fields, *found.keep):
        if name == ID:
            yield Problem("data.reserved-name", name=ID)
    for name in sorted(set(found.inputs) & set(found.outputs) | set(found.fields) & set(found.keep)):
        yield Problem("data.name-twice", name=name)
    for name in found.outputs:
        twins = [other for other, column in found.inputs.items() if column == found.outputs[name]]
        if twins:
            yield Problem("data.answer-as-input", output=name, input=twins[0], column=found.outputs[name])


def _unknown_names(found: Layout, config: DataConfig) -> Iterator[Problem]:
    for name in config.columns:
        if name not in found.fields:
            near = did_you_mean(name, list(found.fields))
            yield Problem(
                "data.unknown-name",
                name=name,
                near=near,
                names=first(found.fields),
                more=beyond(found.fields),
            )


def _missing_columns(found: Layout, table: TableHeader) -> Iterator[Problem]:
    for name, column in (*found.fields.items(), *found.keep.items()):
        if column not in table.columns:
            near = did_you_mean(column, list(table.columns)) or did_you_mean(name, list(table.columns))
            yield Problem(
                "data.missing-column",
                where=table.name,
                column=column,
                name=name,
                section="keep" if name in found.keep else "columns",
                own=near == name,
                near=near,
                columns=first(table.columns) or None,
                more=beyond(table.columns),
            )


SHOWN_NAMES = 5


def first(names: Collection[str]) -> list[str]:
    """Return the names that a message shows."""
    return list(names)[:SHOWN_NAMES]


def beyond(names: Collection[str]) -> int | None:
    """Return how many names a message does not show; None when it shows all."""
    return len(names) - SHOWN_NAMES if len(names) > SHOWN_NAMES else None
