"""Counts every row that was read, and says what a reader should know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import Notice, Phrase
from modelwright.stages.data.checking import Checked
from modelwright.stages.data.classes import ClassCounts, class_notices
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.raw_rows import RawRows
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
    truths = {output: checked.truths[output][mask] for output in classes}
    return SplitCounts(
        read=read,
        used=used,
        rejected=read - used,
        **_repeats(inputs, truths),
    )


def _repeats(inputs: pl.DataFrame, truths: Mapping[str, NDArray[np.uint64]]) -> _Repeats:
    """Return how many rows repeat the inputs of an earlier one, and how many inputs have more than one truth.

    inputs: columns that are equal where the inputs are, (n,); truths (n,) by output.
    """
    keys = inputs.columns
    if inputs[keys[0]].n_unique() == inputs.height:  # the first alone tells them all apart
        return {"duplicates": 0, "conflicts": dict.fromkeys(truths, 0)}
    rows = inputs.with_columns(pl.Series(f"truth of {name}", of) for name, of in truths.items())
    groups = rows.group_by(keys).agg(pl.len(), pl.col("^truth of .*$").n_unique())
    return {
        "duplicates": inputs.height - groups.height,
        "conflicts": {name: int((groups[f"truth of {name}"] > 1).sum()) for name in truths},
    }


class _Repeats(TypedDict):
    duplicates: int
    conflicts: dict[str, int]


def notices(checked: Checked, config: DataConfig, counts: Counts, rows: RawRows) -> Iterator[Notice]:
    """Yield what is worth knowing before learning, most pressing first."""
    yield from _copies(config, counts)
    yield from _of_splits(checked, config, counts)
    yield from class_notices(counts.classes)
    yield from _of_sources(config, rows)
    for table, blank in rows.by_table(checked.blank):
        if blank.any():
            first = int(blank.argmax()) + 1
            yield Notice("data.blank-rows", file=table.name, count=int(blank.sum()), first=first)


def _copies(config: DataConfig, counts: Counts) -> Iterator[Notice]:
    found = {TEST: counts.also_in_test, VALIDATION: counts.also_in_validation}
    if any(found.values()):
        dropped = config.repeated == "drop"
        yield Notice("data.also-in", count=sum(found.values()), splits=_in_splits(found), dropped=dropped)


def _of_splits(checked: Checked, config: DataConfig, counts: Counts) -> Iterator[Notice]:
    copies = checked.overlap.copies if config.repeated == "drop" else np.zeros_like(checked.overlap.copies)
    if checked.identity.twins is not None:
        copies = copies | checked.identity.twins.linking  # told of by themselves
    refused: dict[str, int] = {}
    for split, of_split in counts.splits.items():
        set_aside = int(((copies | checked.blank) & (checked.identity.splits == CODES[split])).sum())
        refused[split] = of_split.rejected - set_aside
    if count := sum(refused.values()):
        yield Notice("data.refused-rows", count=count, splits=_in_splits(refused), rows=counts.rows_read)
    repeats = {split: of_split.duplicates for split, of_split in counts.splits.items()}
    if count := sum(repeats.values()):
        rows = sum(of_split.used for of_split in counts.splits.values())
        yield Notice("data.repeats", count=count, splits=_in_splits(repeats), rows=rows)
    for output in counts.classes:
        conflicts = {split: of_split.conflicts.get(output, 0) for split, of_split in counts.splits.items()}
        if count := sum(conflicts.values()):
            yield Notice("data.conflicts", column=output, count=count, splits=_in_splits(conflicts))


def _in_splits(rows: Mapping[str, int]) -> list[Phrase]:
    return [Phrase("data.in-split", split=split, rows=count) for split, count in rows.items() if count]


def _of_sources(config: DataConfig, rows: RawRows) -> Iterator[Notice]:
    for _, table in rows.tables:
        if config.encoding is None and table.encoding not in {None, "utf-8", "utf-8-sig"}:
            words = list(table.foreign) or None
            yield Notice("data.guessed-encoding", file=table.name, encoding=table.encoding, words=words)
        yield from table.notices
