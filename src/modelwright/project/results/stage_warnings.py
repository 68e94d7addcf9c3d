"""The warnings that stages sealed, worded in the language of today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice, Phrase
from modelwright.engine.store import Artifact
from modelwright.project.results.table_rows import WarningRow

SENTENCE = "warning"  # the id of a warning that an earlier version sealed as a sentence


def warning_rows(artifact: Artifact) -> Iterator[WarningRow]:
    """Yield the warnings in the summary of a sealed result."""
    for sealed in artifact.summary.get("warnings", ()):
        notice = sealed if isinstance(sealed, str) else _of_today(Notice.from_wire(sealed))
        yield warning_row(artifact.stage, notice)


def _of_today(notice: Notice) -> Notice:
    """Return a notice as it is worded now: an earlier version sealed one for each split."""
    values = notice.values
    if "splits" in values or notice.id not in _OF_SPLITS:
        return notice
    part = Phrase("data.in-split", split=values["split"], rows=values["count"])
    return Notice(notice.id, where=None, **{**values, "splits": [part]})


_OF_SPLITS = frozenset({"data.also-in", "data.conflicts", "data.refused-rows", "data.repeats"})


def warning_row(stage: str, warning: Notice | str) -> WarningRow:
    """Return a warning as a row; a sentence has no id of its own."""
    if isinstance(warning, str):
        return WarningRow(stage, SENTENCE, None, None, warning)
    fields = warning.as_json()
    column, count, rows = fields["column"], fields["count"], warning.values.get("rows")
    return WarningRow(
        stage=stage,
        id=warning.id,
        column=None if column is None else str(column),
        count=count if isinstance(count, int) else None,
        text=warning.found,
        fix=warning.next_step or None,
        rows=rows if isinstance(rows, int) else None,
    )


def worded(sealed: Json) -> str:
    """Return a text that a stage sealed: a message on its wire form, or a sentence of an earlier version."""
    if isinstance(sealed, dict):
        return Phrase.from_wire(cast("Mapping[str, Json]", sealed)).found
    return str(sealed)
