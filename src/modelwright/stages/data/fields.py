"""Which column of the data is which field of the signature, and what `inputs: "*"` stands for."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.infer import Infer, distinct
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.table import Table

ID = "id"  # the column of rows.parquet that names the row


@dataclass(frozen=True)
class Layout:
    """Names in the signature, and kept names, each with its column in the data.

    `wildcard` are inputs whose kind the data decides; `notes` are for the summary.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    keep: Mapping[str, str]
    wildcard: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fields(self) -> Mapping[str, str]:
        """Return inputs and outputs together."""
        return {**self.inputs, **self.outputs}


def layout(signature: Signature, config: DataConfig, tables: Sequence[Table]) -> Layout:
    """Return the column of each field; raises DataError for every name that has none, and for clashes.

    `tables` begin with one that trains. A signature without inputs (`inputs: "*"`) takes its columns, all
    that are neither an output nor kept.
    """
    outputs = {field.name: config.columns.get(field.name, field.name) for field in signature.outputs}
    notes: tuple[str, ...] = ()
    wildcard = not signature.inputs
    if wildcard:
        inputs, notes = _every_column(tables[0], config, taken={*outputs.values(), *config.keep.values()})
    else:
        inputs = {field.name: config.columns.get(field.name, field.name) for field in signature.inputs}
    found = Layout(inputs, outputs, config.keep, tuple(inputs) if wildcard else (), notes)
    problems = [*_clashes(found), *_unknown_names(found, config)]
    for table in tables:
        problems += _missing_columns(found, table)
    if problems:
        raise DataError(problems)
    return found


def _every_column(
    table: Table, config: DataConfig, taken: set[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    renamed = {column: name for name, column in config.columns.items()}
    inputs: dict[str, str] = {}
    notes = []
    for column in table.columns:
        if column in taken or column in table.made:
            continue
        name = renamed.get(column) or identifier(column)
        if name == ID:
            notes.append(f"the column `{column}` names rows, and is no input")
            continue
        if name in inputs:
            raise DataError(
                Problem(
                    "data.column-clash",
                    'with inputs: "*", every column has a name of its own in the signature',
                    f"`{inputs[name]}` and `{column}`, both `{name}`",
                    f"name one of them: `data.columns: {{other_{name}: {column}}}`",
                    table.name,
                )
            )
        inputs[name] = column
    return inputs, tuple(notes)


def identifier(column: str) -> str:
    """Return a column's name as a name of the signature: `emp.var.rate` → `emp_var_rate`, `1st` → `x1st`."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", column)).strip("_")
    if not name.isidentifier():
        name = f"x{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _clashes(found: Layout) -> Iterator[Problem]:
    for name in (*found.fields, *found.keep):
        if name == ID:
            yield Problem(
                "data.reserved-name",
                f"`{ID}` names the row, in the data and in every answer",
                f"a field or kept column called `{ID}`",
                "give it another name: `data.columns` for a field, `keep: {customer: id}` for a kept column",
            )
    for name in sorted(set(found.inputs) & set(found.outputs) | set(found.fields) & set(found.keep)):
        yield Problem(
            "data.name-twice",
            "a name stands once among inputs, outputs and `data.keep`",
            f"`{name}` more than once",
            "leave it out of `keep`: what the signature names is kept anyway",
        )
    for name in found.outputs:
        twins = [other for other, column in found.inputs.items() if column == found.outputs[name]]
        if twins:
            yield Problem(
                "data.answer-as-input",
                "an output's column is no input: the function would read the answer",
                f"`{name}` and `{twins[0]}`, both from the column `{found.outputs[name]}`",
                "name different columns in `data.columns`",
            )


def _unknown_names(found: Layout, config: DataConfig) -> Iterator[Problem]:
    for name in config.columns:
        if name not in found.fields:
            near = did_you_mean(name, list(found.fields))
            yield Problem(
                "data.unknown-name",
                "`data.columns` maps names of the signature to columns of the data",
                f"`{name}`, which the signature does not have",
                f"did you mean `{near}`?" if near else f"it has {listed(found.fields)}",
            )


def _missing_columns(found: Layout, table: Table) -> Iterator[Problem]:
    for name, column in (*found.fields.items(), *found.keep.items()):
        if column not in table.columns:
            near = did_you_mean(column, list(table.columns)) or did_you_mean(name, list(table.columns))
            section = "keep" if name in found.keep else "columns"
            meant = f"did you mean `data.{section}: {{{name}: {near}}}`?" if near else ""
            if near == name:
                meant = f"there is a column `{name}`: leave `{name}` out of `data.{section}`"
            yield Problem(
                "data.missing-column",
                f"the data has a column for `{name}`",
                f"no column `{column}`; there are {listed(table.columns)}",
                meant or f"name the one that holds it: `data.{section}: {{{name}: COLUMN}}`",
                table.name,
            )


def listed(names: Collection[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in list(names)[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def infer(name: str, cells: Sequence[object]) -> Field | None:
    """Return the field of a column that `"*"` took in, from the cells that train and validate.

    The first kind that reads the column has it, in the order of `Infer.rank`. Optional when a cell is missing.
    None for a column that is empty, or that holds what no kind reads.
    """
    present = distinct(cells)
    if not present:
        return None
    ranked = sorted(kinds.having(Infer), key=lambda kind: kinds.facet(kind, Infer).rank)
    optional = sum(count for _, count in present) < len(cells)
    for kind in ranked:
        if kinds.facet(kind, Infer).reads(present):
            return Field(name, kind, optional=optional)
    return None


def resolved(signature: Signature, found: Layout, cells: Mapping[str, Sequence[object]]) -> Signature:
    """Return the signature with every input named and every kind known.

    `cells`: the raw cells of the wildcard's columns, of rows that train and validate. Raises DataError when
    no column is left to be an input.
    """
    if not found.wildcard:
        return signature
    inputs = tuple(field for name in found.wildcard if (field := infer(name, cells[name])) is not None)
    if not inputs:
        raise DataError(
            Problem(
                "data.no-inputs",
                'inputs: "*" takes every column that is neither an output nor kept',
                "no such column with values in it",
                "look at the data, or at what `data.keep` takes away",
            )
        )
    return replace(signature, inputs=inputs)
