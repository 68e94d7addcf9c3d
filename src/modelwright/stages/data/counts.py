"""Counts every row that was read, and says what a reader should know about them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from modelwright.core.messages import Notice
from modelwright.stages.data.checking import Checked
from modelwright.stages.data.classes import ClassCounts, class_notices
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.rows import RawRows
from modelwright.stages.data.split import CODES, SPLITS, TEST, VALIDATION
from modelwright.storage.formats.data import Counts, SourceCounts, SplitCounts


def count_rows(checked: Checked, classes: ClassCounts, rows: RawRows) -> Counts:
    """Return the counts; `classes` are those of the outputs that have any."""
    splits = {split: _of_split(checked, split, classes) for split in SPLITS}
    assert len(rows) == sum(one.read for one in splits.values()), "every row that was read has a split"
    return Counts(
        rows_read=len(rows),
        rows={split: one.used for split, one in splits.items()},
        splits=splits,
        classes=classes,
        also_in_test=int(checked.overlap.in_test.sum()),
        also_in_validation=int(checked.overlap.in_validation.sum()),
        sources=tuple(
            SourceCounts(split, table.name, table.rows, table.encoding, table.separator)
            for split, table in rows.tables
        ),
        test_sketch=checked.identity.sketch(checked.of(TEST)),
    )


def _of_split(checked: Checked, split: str, classes: ClassCounts) -> SplitCounts:
    read = int((checked.identity.splits == CODES[split]).sum())
    mask = checked.of(split)
    used = int(mask.sum())
    inputs = checked.inputs.filter(mask)
    keys = inputs.columns
    return SplitCounts(
        read=read,
        used=used,
        rejected=read - used,
        duplicates=used - (inputs.n_unique() if used else 0),
        conflicts={
            # Inputs that stand with more than one truth.
            output: inputs.with_columns(truth=pl.Series(checked.truths[output][mask]))
            .unique()
            .group_by(keys)
            .len()
            .filter(pl.col("len") > 1)
            .height
            for output in classes
        },
    )


def notices(checked: Checked, config: DataConfig, counts: Counts, rows: RawRows) -> Iterator[Notice]:
    """Yield what is worth knowing before learning, most pressing first."""
    yield from _copies(config, counts)
    yield from _of_splits(checked, config, counts)
    yield from class_notices(counts.classes)
    yield from _of_sources(config, rows)


def _copies(config: DataConfig, counts: Counts) -> Iterator[Notice]:
    dropped = config.repeated == "drop"
    for split, count in ((TEST, counts.also_in_test), (VALIDATION, counts.also_in_validation)):
        if count:
            yield Notice("data.also-in", count=count, split=split, dropped=dropped)


def _of_splits(checked: Checked, config: DataConfig, counts: Counts) -> Iterator[Notice]:
    copies = checked.overlap.copies if config.repeated == "drop" else np.zeros_like(checked.overlap.copies)
    for split, of_split in counts.splits.items():
        set_aside = int((copies & (checked.identity.splits == CODES[split])).sum())
        if refused := of_split.rejected - set_aside:
            yield Notice("data.refused-rows", count=refused, split=split, rows=of_split.read)
        if of_split.duplicates:
            yield Notice("data.repeats", count=of_split.duplicates, split=split, rows=of_split.used)
        for output, conflicts in of_split.conflicts.items():
            if conflicts:
                yield Notice("data.conflicts", column=output, count=conflicts, split=split)


def _of_sources(config: DataConfig, rows: RawRows) -> Iterator[Notice]:
    for _, table in rows.tables:
        if config.encoding is None and table.encoding not in {None, "utf-8", "utf-8-sig"}:
            words = list(table.foreign) or None
            yield Notice("data.guessed-encoding", file=table.name, encoding=table.encoding, words=words)
        yield from table.notices
