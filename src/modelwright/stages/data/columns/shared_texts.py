"""Rows of one document or dialogue, where nobody has said that they belong together: they are not independent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds import turns
from modelwright.stages.data.checking import Checked
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.split import SPLITS

MOST_ROWS = 20_000  # the first: rows of a document mostly stand beside each other
FEWEST_ROWS = 20
LEAST_CHARACTERS = 40  # on average; a shorter text is a name, which rows may well share
LEAST_SHARE = 0.5  # of the rows
MOST_OF_ONE = (
    0.1  # of the rows, and not more than so many on average: a text that stands everywhere is a phrase
)
MOST_ON_AVERAGE = 50


def shared_texts(checked: Checked, layout: Layout, group: str | None) -> Iterator[Notice]:
    """Yield a notice for each input by which most rows belong together; group: the column that is declared."""
    rows = checked.of(*SPLITS)
    rows[np.flatnonzero(rows)[MOST_ROWS:]] = False
    count = int(rows.sum())
    if group is not None or count < FEWEST_ROWS:
        return
    several = len(checked.signature.inputs) > 1  # rows whose only input is the same are repeats
    for field in checked.signature.inputs:
        goes_on = turns.is_dialogue(field)
        if not goes_on and not (several and _is_text(field)):
            continue
        values = checked.column(field.name, rows)
        found = _gone_on(values) if goes_on else _shared(values)
        if found >= LEAST_SHARE * count:
            column = layout.inputs[field.name]
            line = None if goes_on else setting("data.group", column)
            yield Notice("data.shared-text", column=column, count=found, rows=count, line=line)


def _is_text(field: Field) -> bool:
    kind = kinds.value(field.kind)
    return kind.schema().get("type") == "string" and not (kind.closed or kind.labelled or kind.holds_files)


def _shared(values: pl.Series) -> int:
    """Return how many texts (n,) stand in another row, too; none where they are short."""
    there = values.drop_nulls()
    if there.dtype != pl.String or int(there.str.len_chars().sum()) < LEAST_CHARACTERS * max(len(there), 1):
        return 0
    counts = there.value_counts(sort=True)["count"]  # (distinct texts,)
    if counts[0] > MOST_OF_ONE * len(there) or len(there) > MOST_ON_AVERAGE * len(counts):
        return 0
    return int(there.is_duplicated().sum())


def _gone_on(values: pl.Series) -> int:
    """Return how many dialogues (n,) go on with that of another row, which asks a turn less, or are gone on with."""
    every = [tuple((one["role"], one["content"]) for one in value) for value in values.drop_nulls().to_list()]
    known = set(every)
    # what was asked before: without the last answer and the question that follows it
    before = [value[:-2] if value[:-2] in known else None for value in every]
    gone_on = set(before)
    return sum(value in gone_on or prior is not None for value, prior in zip(every, before, strict=True))
