"""Which column of the data is which field of the signature, and what `inputs: "*"` stands for."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from modelwright.core.messages import DataError, Notice, Problem, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Signature
from modelwright.stages.data.columns.split_columns import split_column, unknown_split_column
from modelwright.stages.data.config import TIME, DataConfig
from modelwright.tables.files.file_sets import FILE
from modelwright.tables.files.text_pieces import COLUMN
from modelwright.tables.start import holds_a_value, looks_like_data

ID = "id"  # the column of rows.parquet that names the row


class TableHeader(Protocol):
    """What is read of a table: what it is called, its columns, and those of them that no one wrote."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> Collection[str]: ...

    @property
    def separator(self) -> str | None: ...

    @property
    def made(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Layout:
    """Names in the signature, and kept names, each with its column in the data.

    `wildcard` are inputs whose kind the data decides, but for those whose kind is stated (`kinds`: input → kind);
    `notices` are for the summary. `identity`: columns of the data that tell a row apart; none: its inputs do.
    `by_answer`: whether its outputs do, as of texts that nothing asks for. `unanswered`: whether rows may have no
    truth.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    keep: Mapping[str, str]
    wildcard: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    by_answer: bool = False
    unanswered: bool = False

    def without(self, names: Collection[str]) -> Layout:
        """Return the layout without some inputs of the wildcard."""
        inputs = {name: column for name, column in self.inputs.items() if name not in names}
        return replace(self, inputs=inputs, wildcard=tuple(inputs))

    @property
    def fields(self) -> Mapping[str, str]:
        """Return inputs and outputs together."""
        return {**self.inputs, **self.outputs}


def layout(
    signature: Signature,
    config: DataConfig,
    tables: Sequence[TableHeader],
    *,
    by_answer: bool = False,
    unanswered: bool = False,
) -> Layout:
    """Return the column of each field; raises DataError for every name that has none, and for clashes.

    `tables` begin with one that trains. A signature without inputs (`inputs: "*"`) takes its columns, all
    that are neither an output nor kept. by_answer, unanswered: see `Layout`.
    """
    outputs = {one.name: config.columns.get(one.name, one.name) for one in signature.outputs}
    notices: tuple[Notice, ...] = ()
    wildcard = not signature.inputs
    if wildcard:
        inputs, notices = _every_column(
            tables, config, taken={*outputs.values(), *config.keep.values(), *_of_the_split(config)}
        )
    else:
        inputs = {one.name: config.columns.get(one.name, one.name) for one in signature.inputs}
    stated = {_input_of(named, inputs): kind for named, kind in config.kinds.items()} if wildcard else {}
    keep = config.keep
    if config.group in tables[0].columns:
        keep = _with_group(config, {*inputs, *outputs}, {*inputs.values(), *outputs.values()})
    wild = tuple(inputs) if wildcard else ()
    found = Layout(inputs, outputs, keep, wild, notices, stated, by_answer=by_answer, unanswered=unanswered)
    problems = [
        *_clashes(found),
        *_unknown_names(found, config),
        *_dropped_and_stated(found, config, tables[0]),
        *unknown_split_column(config, tables[0].columns, tables[0].name),
    ]
    for table in tables:
        problems += missing_columns(found, table)
    if problems:
        raise DataError(problems)
    return found


def _with_group(config: DataConfig, names: Collection[str], columns: Collection[str]) -> Mapping[str, str]:
    """Return what is kept, with the column by which rows belong together: evaluation counts its groups."""
    group = config.group
    if group is None or group in columns or group in config.keep.values():
        return config.keep
    name = group
    while name == ID or name in names or name in config.keep:
        name += "_"
    return {**config.keep, name: group}


def _of_the_split(config: DataConfig) -> Iterator[str]:
    """Yield the column that says where rows go, or which belong together: it tells nothing about a new row."""
    column = split_column(config)
    if column is not None and config.split.by != TIME:
        yield column


def _every_column(
    tables: Sequence[TableHeader], config: DataConfig, taken: set[str]
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    table = tables[0]
    renamed = {column: name for name, column in config.columns.items()}
    inputs: dict[str, str] = {}
    notices = []
    for column in table.columns:
        name = renamed.get(column) or identifier(column)
        if column in taken or column in table.made or not {column, name}.isdisjoint(config.drop):
            continue
        if name == ID:
            line = setting("data.columns", {f"{ID}_": column})
            notices.append(Notice("data.id-column", column=column, line=line))
            continue
        if name in inputs:
            raise DataError(
                Problem("data.column-clash", where=table.name, name=name, first=inputs[name], second=column)
            )
        inputs[name] = column
    return inputs, (*notices, *_later_columns(tables, {*taken, *config.drop}))


def _later_columns(tables: Sequence[TableHeader], taken: Collection[str]) -> Iterator[Notice]:
    """Yield a notice for each column that a later file has and the first one lacks: `"*"` does not see it."""
    seen = {*tables[0].columns, *taken}
    for table in tables[1:]:
        for column in table.columns:
            if column not in seen and column not in table.made:
                seen.add(column)
                line = setting("data.drop", [column])
                yield Notice(
                    "data.later-column", column=column, file=table.name, first=tables[0].name, line=line
                )


def _input_of(named: str, inputs: Mapping[str, str]) -> str:
    """Return the input that `data.kinds` means by its own name or by that of its column; else what it says."""
    if named in inputs:
        return named
    return next((name for name, column in inputs.items() if column == named), named)


def _dropped_and_stated(found: Layout, config: DataConfig, table: TableHeader) -> Iterator[Problem]:
    """Yield the names of `data.drop` and `data.kinds` that no column has, and columns dropped and used."""
    names = {identifier(column): column for column in table.columns} if found.wildcard else {}
    for dropped in config.drop:
        if (
            dropped in found.keep.values()
            or dropped in found.outputs.values()
            or dropped in found.inputs.values()
        ):
            yield Problem("data.drop-used", column=dropped)
        elif dropped not in table.columns and dropped not in names:
            yield _no_column("drop", dropped, table)
    for name in found.kinds:
        if name not in found.inputs:
            yield _no_column("kinds", name, table)


def _no_column(section: str, name: str, table: TableHeader) -> Problem:
    return Problem(
        "data.unknown-column",
        where=table.name,
        section=section,
        name=name,
        near=did_you_mean(name, list(table.columns)),
        columns=first(table.columns) or None,
        more=beyond(table.columns),
    )


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


def missing_columns(found: Layout, table: TableHeader) -> Iterator[Problem]:
    """Yield the names whose column a table has not."""
    wanted = (*found.fields.items(), *found.keep.items())
    there = [column in table.columns for _, column in wanted]
    names = list(table.columns)
    is_data = looks_like_data(names)
    may_be = not any(there) and holds_a_value(names)
    if not all(there) and table.separator is not None and (is_data or may_be):
        example = None if is_data else wanted[0][0]
        yield Problem("data.no-header", where=table.name, cells=first(table.columns), example=example)
        return
    if not any(there) and tuple(names) == (COLUMN, FILE):
        yield Problem("data.plain-text", where=table.name, columns=first([column for _, column in wanted]))
        return
    for name, column in wanted:
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
                why=_left_out(column, table),
                columns=first(table.columns) or None,
                more=beyond(table.columns),
            )


def _left_out(column: str, table: TableHeader) -> str | None:
    """Return why a column of this name was left out when the table was read, None where it was not."""
    for notice in getattr(table, "notices", ()):
        names = notice.values.get("names", ())
        if isinstance(names, list | tuple) and column in names:
            return str(notice.found)
    return None


SHOWN_NAMES = 5


def first(names: Collection[str]) -> list[str]:
    """Return the names that a message shows; "and 1 more" is no shorter than the name itself."""
    return list(names)[: SHOWN_NAMES if len(names) > SHOWN_NAMES + 1 else SHOWN_NAMES + 1]


def beyond(names: Collection[str]) -> int | None:
    """Return how many names a message does not show; None when it shows all."""
    return len(names) - SHOWN_NAMES if len(names) > SHOWN_NAMES + 1 else None
