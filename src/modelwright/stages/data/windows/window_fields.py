"""Which column of the rows is what part of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, did_you_mean
from modelwright.core.signature import Signature
from modelwright.stages.data.columns.split_columns import unknown_split_column
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.layout import Layout, missing_columns
from modelwright.stages.data.raw_rows import RawRows

# Columns of a window that tell it apart, and its stretch of time; no name of a signature has a dot.
AT_GROUP, AT_TIME, AT_MOMENT = "at.group", "at.time", "at.moment"
MOMENT = "moment"  # what the stretch of time is called among the columns that are kept


@dataclass(frozen=True)
class WindowFields:
    """By name of the field, the column that it is made of.

    histories, ahead: series of the steps before and after now; single: another value with its step, counted from the
    last one of the history. kept: name → column of the windows. columns: of all fields of the signature; kinds: the
    kind of one step of each column of numbers.
    """

    histories: Mapping[str, str]
    ahead: Mapping[str, str]
    single: Mapping[str, tuple[str, int]]
    kept: Mapping[str, str]
    columns: Mapping[str, str]
    kinds: Mapping[str, str]

    @property
    def series(self) -> frozenset[str]:
        """Return the fields that are series."""
        return frozenset({*self.histories, *self.ahead})

    @classmethod
    def of(cls, signature: Signature, config: DataConfig, rows: RawRows) -> WindowFields:
        """Return the parts of a window; raises DataError for names that no column has, and for what has no part."""
        if not signature.inputs:
            raise DataError(Problem("data.windows-of-what"))
        columns = {
            one.name: config.columns.get(one.name, one.name)
            for one in (*signature.inputs, *signature.outputs)
        }
        _require_columns(signature, config, rows, columns)
        horizon = config.horizon or 0
        histories: dict[str, str] = {}
        ahead: dict[str, str] = {}
        single: dict[str, tuple[str, int]] = {}
        of_steps: dict[str, str] = {}
        for one in (*signature.inputs, *signature.outputs):
            column, step = columns[one.name], kinds.value(one.kind).steps_of
            output = one in signature.outputs
            if step is None:
                single[one.name] = (
                    column,
                    horizon if output else min(1, horizon) if one.name in config.known else 0,
                )
                continue
            of_steps[column] = step
            (ahead if output or one.name in config.known else histories)[one.name] = column
        problems = []
        if not histories:
            problems.append(Problem("data.no-history", signature=str(signature)))
        if ahead and config.horizon is None:
            problems.append(Problem("data.no-horizon", names=list(ahead)))
        if problems:
            raise DataError(problems)
        kept = {name: f"keep.{name}" for name in config.keep}
        single |= {kept[name]: (column, 0) for name, column in config.keep.items()}
        if config.group is not None:  # series that share a day share what befell it
            name = MOMENT
            while name in columns or name in kept:
                name += "_"
            kept[name] = AT_MOMENT
        return cls(histories, ahead, single, kept, columns, of_steps)


def _require_columns(
    signature: Signature, config: DataConfig, rows: RawRows, columns: Mapping[str, str]
) -> None:
    inputs = {one.name: columns[one.name] for one in signature.inputs}
    outputs = {one.name: columns[one.name] for one in signature.outputs}
    found = Layout(inputs, outputs, config.keep)
    tables = [table for _, table in rows.tables]
    problems = [problem for table in tables for problem in missing_columns(found, table)]
    for table in tables:
        problems += unknown_split_column(config, table.columns, table.name)
    for section, named, names in (("columns", config.columns, columns), ("known", config.known, inputs)):
        problems += [
            Problem(
                "data.unknown-window-name", section=section, name=name, near=did_you_mean(name, list(names))
            )
            for name in named
            if name not in names
        ]
    problems += [
        Problem("data.answer-not-known", name=name)
        for name in config.known
        if columns.get(name) in outputs.values()
    ]
    if problems:
        raise DataError(problems)
