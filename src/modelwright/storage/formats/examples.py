"""Reads a part of the data artifact: what learners and stages share of its form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import polars as pl

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.column import Column
from modelwright.storage.formats.corpus import named_passages
from modelwright.storage.formats.file_values import FileValues, taken
from modelwright.storage.formats.window_form import WindowForm, window_form

ROWS_FILE = "rows.parquet"
ID = "id"
LESS_LIKED = "rejected"  # the column of answers that were liked less than the truths
HELD_BYTES = 256 << 20  # of a part whose columns are all held in memory
PART_BYTES = 64 << 20  # of a larger one that are read at once


@dataclass(frozen=True)
class Examples:
    """Columns of canonical values by field name (None: missing), all of one length, and the rows' ids.

    windows: of rows that are windows, how they were cut; passages: those of a corpus that the rows name, by id;
    less_liked: of preferences, for each row an answer that was liked less than its truth.
    """

    ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    windows: WindowForm | None = None
    passages: Mapping[str, str] = field(default_factory=dict)
    less_liked: Sequence[Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int]) -> Self:
        """Return some rows, in their order, without reading what lies on the disk."""
        columns = {name: taken(column, rows) for name, column in self.columns.items()}
        less_liked = None if self.less_liked is None else taken(self.less_liked, rows)
        return replace(self, ids=[self.ids[row] for row in rows], columns=columns, less_liked=less_liked)

    def spaced(self, most: int) -> Self:
        """Return at most so many rows, evenly spaced, the first among them."""
        count = max(0, min(most, len(self)))
        return self.take([row * len(self) // count for row in range(count)])


def read_examples(folder: Path, signature: Signature) -> Examples:
    """Return ids and canonical values of the signature's fields from a part (`train/`, `test/`)."""
    fields = (*signature.inputs, *signature.outputs)
    names = [field.name for field in fields]
    beside = [LESS_LIKED] if LESS_LIKED in column_names(folder) and LESS_LIKED not in names else []
    columns = read_columns(folder, [ID, *names, *beside], fields)
    return Examples(
        ids=columns.pop(ID),
        less_liked=columns.pop(LESS_LIKED) if beside else None,
        columns=columns,
        windows=window_form(folder),
        passages=named_passages(folder),
    )


def read_columns(
    folder: Path, names: Sequence[str], fields: Iterable[Field] = ()
) -> dict[str, Sequence[Any]]:
    """Return columns of a part by name (None: missing), rows in one order for every call.

    Those of `fields` hold canonical values of their kinds, the others plain values as they were kept. Columns of
    files that take more than HELD_BYTES lie on the disk, and a value is read when it is asked for.
    """
    kind = {field.name: field.kind for field in fields}
    file = folder / ROWS_FILE
    on_disk = _of_files(file, kind) if file.stat().st_size > HELD_BYTES else set()
    held = [name for name in names if name not in on_disk]
    frame = pl.read_parquet(file, columns=held, glob=False, hive_partitioning=False)
    columns: dict[str, Sequence[Any]] = {}
    for name in names:
        if name in on_disk:
            column = kinds.facet(kind[name], Column)
            columns[name] = FileValues.of(map(column.values, _in_parts(file, name)), folder)
        else:
            values = frame[name]
            columns[name] = (
                kinds.facet(kind[name], Column).values(values) if name in kind else values.to_list()
            )
    return columns


def _of_files(file: Path, kind: Mapping[str, str]) -> set[str]:
    """Return the fields whose columns hold the bytes of files."""
    schema = pl.read_parquet_schema(file)
    return {
        name for name, of in kind.items() if kinds.value(of).holds_files and schema.get(name) == pl.Binary
    }


def _in_parts(file: Path, name: str) -> Iterator[pl.Series]:
    """Yield a column in pieces of about PART_BYTES."""
    rows = pl.scan_parquet(file, glob=False, hive_partitioning=False).select(name)
    count = int(rows.select(pl.len()).collect().item())
    step = max(1, count * PART_BYTES // max(file.stat().st_size, 1))
    for begin in range(0, count, step):
        yield rows.slice(begin, step).collect()[name]


def column_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all columns of a part: `id`, the signature's fields, then what is kept."""
    rows = pl.scan_parquet(folder / ROWS_FILE, glob=False, hive_partitioning=False)
    return tuple(rows.collect_schema())
