"""Warnings as a person reads them: by what there is to do, each said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from modelwright.core.messages import Phrase
from modelwright.project.results.table_rows import WarningRow


class ToDo(StrEnum):
    """Names what a person does about a warning."""

    DECIDE = "decide"
    KNOW = "know"
    NOTHING = "nothing"


# How a heading begins, so that what a person must see stands out from notes, also where there are no colours.
SIGNS = {ToDo.DECIDE: "! ", ToDo.KNOW: "* ", ToDo.NOTHING: ""}
# What was done already, as it should be: a reader may look, and need not.
DONE = frozenset(
    {
        "data.also-in",
        "data.blank-rows",
        "data.id-column",
        "data.date-form",
        "data.number-form",
        "data.number-signs",
        "data.optional-column",
        "data.repeats",
    }
)
LEAST_SHARE = 0.01  # of the rows: what concerns fewer calls for no decision
# But where a few rows decide what becomes of all others.
DECIDED_BY_FEW = frozenset({"data.given-away", "data.nearly"})
MOST_ALIKE = 3  # warnings of one kind that stand line by line; of more, those of one advice share a line
MOST_ADVICE = 8  # lines of one kind with an advice each


def to_do(row: WarningRow) -> ToDo:
    """Return what there is to do: nothing where all is done, a decision where a setting would change much."""
    if row.id in DONE:
        return ToDo.NOTHING
    return ToDo.DECIDE if row.fix and not _is_tiny(row) else ToDo.KNOW


def _is_tiny(row: WarningRow) -> bool:
    if row.count is None or not row.rows or row.id in DECIDED_BY_FEW:
        return False
    return row.count < LEAST_SHARE * row.rows


def grouped(rows: Sequence[WarningRow]) -> Iterator[str]:
    """Yield the lines of a screen: a heading for each group that has any, and its warnings below."""
    for group in ToDo:
        mine = [row for row in rows if to_do(row) is group]
        if mine:
            yield SIGNS[group] + str(Phrase("note.group", group=group.value, count=len(mine)))
            yield from _lines(mine)


def _lines(rows: Sequence[WarningRow]) -> Iterator[str]:
    ids = dict.fromkeys(row.id for row in rows)
    for one in ids:
        alike = list(dict.fromkeys(row for row in rows if row.id == one))
        # what is advised for one column is not what is advised for another, but for its name
        groups = [[row] for row in alike] if len(alike) <= MOST_ALIKE else _by_advice(alike)
        for group in groups[:MOST_ADVICE]:
            yield "  " + _line(group[0], [str(row.column) for row in group[1:] if row.column is not None])
        if left := [row for group in groups[MOST_ADVICE:] for row in group]:
            named = [str(row.column) for row in left if row.column is not None]
            yield "  " + str(Phrase("note.more", stage=left[0].stage, count=len(left), columns=named or None))


def _line(row: WarningRow, others: Sequence[str]) -> str:
    return str(Phrase("note.warning", stage=row.stage, text=row.text, fix=row.fix, others=others or None))


def _by_advice(alike: Iterable[WarningRow]) -> list[list[WarningRow]]:
    """Return warnings of one kind by what they advise, the name of the column left aside."""
    found: dict[str | None, list[WarningRow]] = {}
    for row in alike:
        advice = row.fix
        if advice is not None and row.column is not None:
            advice = re.sub(rf"(?<!\w){re.escape(str(row.column))}(?!\w)", "\0", advice)
        found.setdefault(advice, []).append(row)
    return list(found.values())
