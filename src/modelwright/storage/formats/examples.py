"""Reads a part of the data artifact: what learners and stages share of its form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.column import Column

ROWS_FILE = "rows.parquet"
ID = "id"


@dataclass(frozen=True)
class Examples:
    """Columns of canonical values by field name (None: missing), all of one length, and the rows' ids."""

    ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.ids)


def read_examples(folder: Path, signature: Signature) -> Examples:
    """Return ids and canonical values of the signature's fields from a part (`train/`, `test/`)."""
    fields = (*signature.inputs, *signature.outputs)
    columns = read_columns(folder, [ID, *(field.name for field in fields)], fields)
    return Examples(ids=columns.pop(ID), columns=columns)


def read_columns(folder: Path, names: Sequence[str], fields: Iterable[Field] = ()) -> dict[str, list[Any]]:
    """Return columns of a part by name (None: missing), rows in one order for every call.

    Those of `fields` hold canonical values of their kinds, the others plain values as they were kept.
    """
    kind = {field.name: field.kind for field in fields}
    frame = pl.read_parquet(folder / ROWS_FILE, columns=list(names), glob=False, hive_partitioning=False)
    return {
        name: kinds.facet(kind[name], Column).values(frame[name]) if name in kind else frame[name].to_list()
        for name in names
    }


def column_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all columns of a part: `id`, the signature's fields, then what is kept."""
    rows = pl.scan_parquet(folder / ROWS_FILE, glob=False, hive_partitioning=False)
    return tuple(rows.collect_schema())
