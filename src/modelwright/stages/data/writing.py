"""Writes the parts of the data artifact: the same rows give the same bytes, whatever the chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.messages import Notice, Phrase, catalog
from modelwright.core.signature import Field
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.profile import Profile
from modelwright.stages.data.canonical import hexadecimal, texts
from modelwright.stages.data.checking import Checked, some
from modelwright.stages.data.kept import KeptColumn, KeptReader
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.split import SPLITS, TEST, TRAIN, VALIDATION, as_text
from modelwright.storage.formats.data import ColumnProfile, Counts, DataProfile
from modelwright.storage.formats.examples import ID, ROWS_FILE
from modelwright.storage.formats.near_twins import NearTwins

ROW_GROUP = 50_000  # fixed, and not left to the number of threads
GROUP_BYTES = 64 << 20  # of the files of its rows
REJECTED: Final = {
    "id": pl.String(),
    "split": pl.String(),
    "source": pl.String(),
    "row": pl.Int64(),
    "reason": pl.String(),
    "raw": pl.String(),
}


class RowWriter:
    """Writes the rows of a split: `id`, the signature's fields, then what is kept."""

    def __init__(self, checked: Checked, layout: Layout, kept: KeptReader) -> None:
        self._checked = checked
        self._layout = layout
        self._reader = kept
        self._repeats = checked.identity.repeats()
        self._kept = [KeptColumn(name) for name in layout.keep]
        if self._kept:
            for cells in kept.chunks():
                for column in self._kept:
                    column.learn(cells[column.name])

    def write(self, split: str, folder: Path) -> None:
        """Write the used rows of a split into a folder, which is made, and which of them are near twins."""
        types = {field.name: kinds.facet(field.kind, Column).dtype() for field in self._checked.fields}
        schema = {ID: pl.String(), **types, **{column.name: column.dtype for column in self._kept}}
        used = self._checked.of(split)
        write_rows(self._frames(used), schema, folder, self._row_group())
        if (twins := self._checked.identity.twins) is not None:
            places = np.flatnonzero(used)
            NearTwins.of(self.ids(places), twins.groups[places].tolist()).write(folder)

    def _row_group(self) -> int:
        """Return the rows of a group, which is held at once when it is written, and when it is read."""
        return max(1, min(ROW_GROUP, int(GROUP_BYTES / max(self._checked.row_bytes, 1))))

    def _frames(self, used: NDArray[np.bool_]) -> Iterator[pl.DataFrame]:
        begin = 0
        names = [field.name for field in self._checked.fields]
        kept = self._reader.chunks() if self._kept else None
        for values in self._checked.values.chunks(names):
            here = used[begin : begin + values.height]
            columns = [some(values, here, self._checked.sizes)]
            if kept is not None:
                cells = next(kept)
                converted = [column.convert(cells[column.name]) for column in self._kept]
                columns.append(pl.DataFrame(converted).filter(here))
            places = np.flatnonzero(here) + begin
            begin += values.height
            if places.size:
                yield pl.concat([pl.DataFrame({ID: self.ids(places)}), *columns], how="horizontal")

    def ids(self, places: NDArray[np.int64]) -> list[str]:
        """Return the ids of rows: `-1`, `-2`, … follows in those that repeat an earlier one."""
        ids = hexadecimal(self._checked.identity.ids[places])
        repeats = self._repeats[places]
        for at in np.flatnonzero(repeats):
            ids[at] = f"{ids[at]}-{repeats[at]}"
        return ids


def write_rows(
    frames: Iterator[pl.DataFrame],
    schema: Mapping[str, pl.DataType | type],
    folder: Path,
    row_group: int = ROW_GROUP,
) -> None:
    """Write frames, one after the other, as `rows.parquet` in a folder, which is made.

    Groups are of fewer rows than usual where rows are large: the writer holds some of them at once.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        assert with_columns is None, "all columns are written"
        assert predicate is None, "all rows are written"
        yield from frames

    rows = register_io_source(source, schema=pl.Schema(schema))
    rows.sink_parquet(folder / ROWS_FILE, compression="zstd", row_group_size=row_group, maintain_order=True)


def write_rejected(checked: Checked, layout: Layout, rows: RawRows, writer: RowWriter, folder: Path) -> None:
    """Write the rows that are not used: their place in the source, the reason, the raw cells as JSON."""
    write_rows(_rejected(checked, layout, rows, writer), REJECTED, folder)


def _rejected(checked: Checked, layout: Layout, rows: RawRows, writer: RowWriter) -> Iterator[pl.DataFrame]:
    if checked.used.all():
        return
    refused = dict(checked.refused.iter_rows())
    copies = {TEST: checked.overlap.in_test, VALIDATION: checked.overlap.in_validation}
    with catalog.speaking(catalog.DEFAULT):  # sealed with the row
        set_aside = {where: str(Phrase("data.reason-copy", split=where)) for where in copies}
        linking = str(Phrase("data.reason-linking"))
    twins = checked.identity.twins
    for chunk in rows.chunks(layout.fields):
        places = np.flatnonzero(~checked.used[chunk.begin : chunk.end])
        if not places.size:
            continue
        of_all = places + chunk.begin
        cells = chunk.cells[places]
        # Two fields may come from one column, which then stands once.
        raw = {column: _texts(cells[name]) for name, column in layout.fields.items()}
        yield pl.DataFrame(
            {
                "id": writer.ids(of_all),
                "split": [SPLITS[code] for code in checked.identity.splits[of_all]],
                "source": [chunk.table.name] * places.size,
                "row": places + chunk.number,
                "reason": [
                    refused.get(place)
                    or (linking if twins is not None and twins.linking[place] else None)
                    or set_aside[TEST if copies[TEST][place] else VALIDATION]
                    for place in of_all.tolist()
                ],
                "raw": [
                    json.dumps(dict(zip(raw, row, strict=True))) for row in zip(*raw.values(), strict=True)
                ],
            },
            schema=REJECTED,
        )


def _texts(cells: pl.Series) -> list[str | None]:
    try:
        found: list[str | None] = texts(cells).to_list()
    except UnicodeEncodeError:  # half a character, which JSON can write
        found = [as_text(cell) for cell in cells.to_list()]
    return found


def describe(checked: Checked, layout: Layout, counts: Counts) -> DataProfile:
    """Return what the training and validation rows look like."""
    rows = checked.of(TRAIN, VALIDATION)
    described = {field.name: _describe(field, checked, rows, counts) for field in checked.fields}
    return DataProfile(
        rows={split: counts.rows[split] for split in (TRAIN, VALIDATION)},
        inputs={field.name: described[field.name] for field in checked.signature.inputs},
        outputs={field.name: described[field.name] for field in checked.signature.outputs},
        columns={field.name: layout.fields[field.name] for field in checked.fields},
        keep=dict(layout.keep),
    )


def _describe(field: Field, checked: Checked, rows: NDArray[np.bool_], counts: Counts) -> ColumnProfile:
    looked_at = checked.bounded(field.name, rows)
    values = checked.column(field.name, looked_at)
    present = values.drop_nulls()
    count, missing = int(rows.sum()), len(values) - len(present)
    if field.name in checked.sizes:
        missing = int((checked.sizes[field.name][rows] == 0).sum())
    classes = {
        name: {split: of_class[split] for split in (TRAIN, VALIDATION)}
        for name, of_class in counts.classes.get(field.name, {}).items()
        if of_class[TRAIN] or of_class[VALIDATION]
    }
    figures: dict[str, Json] = {}
    if len(present) and kinds.has(field.kind, Profile):
        figures = kinds.facet(field.kind, Profile).describe(present)
    counted = figures.get("distinct")
    if len(values) < count:  # of more bytes than are held at once
        figures, counted = {**figures, "described": len(values), "distinct": None}, None
    elif not isinstance(counted, int):
        counted = _distinct(present)
    return ColumnProfile(
        kind=field.kind,
        rows=count,
        missing=missing,
        distinct=counted,
        figures=figures,
        classes=classes if field.name in counts.classes else None,
    )


def column_remarks(profile: DataProfile) -> Iterator[Notice]:
    """Yield what the kinds find unexpected about the values of each column."""
    for name, column in {**profile.inputs, **profile.outputs}.items():
        if kinds.has(column.kind, Profile):
            yield from kinds.facet(column.kind, Profile).remarks(profile.columns[name], column.figures)


def _distinct(present: pl.Series) -> int:
    return present.n_unique() if len(present) else 0
