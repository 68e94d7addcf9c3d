"""Classes that a file writes as numbers, and states the names of: a category is read by its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.tables.table import Table

_MOST_SHOWN = 8


def class_notice(file: str, column: str, names: Sequence[str]) -> Notice:
    """Return what is said of numbers that are read by the names of a file."""
    return Notice(
        "data.class-names", file=file, column=column, count=len(names), names=list(names[:_MOST_SHOWN])
    )


def by_names(
    signature: Signature, config: DataConfig, tables: Sequence[tuple[str, Table]]
) -> tuple[list[tuple[str, Table]], list[Notice]]:
    """Return tables whose categories have the names that their files state, and what is said of it.

    That is so where all tables with a column state the same names: else numbers of one would be names in another.
    """
    found, notices = list(tables), list[Notice]()
    for field in (*signature.inputs, *signature.outputs):
        column = config.columns.get(field.name, field.name)
        stated = {table.stated_names.get(column) for _, table in tables if column in table.columns}
        names = next(iter(stated), None)
        if len(stated) != 1 or names is None or not kinds.value(field.kind).closed:
            continue
        found = [
            (
                split,
                replace(table, names={**table.names, column: names}) if column in table.columns else table,
            )
            for split, table in found
        ]
        files = [table.name for _, table in tables if column in table.columns]
        notices.append(class_notice(files[0], column, names))
    return found, notices
