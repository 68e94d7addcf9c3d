"""Tasks that people have annotated, as Label Studio exports them, become rows: a text, and what was marked in it.

A task has `data` and `annotations`, each with a `result`: a list of marks, each with `from_name`, `type` and `value`.
The row has the columns of `data` and one of each `from_name`, as the tool's smaller export (JSON-MIN) has them.
https://labelstud.io/guide/export
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, object]
_PLACES = frozenset({"labels", "hypertextlabels"})  # types of marks of which a text has several


@dataclass(frozen=True)
class AnnotatedTasks:
    """The rows of tasks, and how many of these nobody has annotated. tasks: 0 where the rows were something else."""

    rows: Sequence[Row]
    tasks: int = 0
    bare: int = 0


def as_rows(rows: Sequence[Row]) -> AnnotatedTasks:
    """Return a row for each annotation of each task; rows that are no tasks as they are."""
    if not rows or not all(map(_is_task, rows)):
        return AnnotatedTasks(rows)
    tasks: list[tuple[Mapping[str, object], list[list[Any]]]] = [
        (_of(row), list(_results(row))) for row in rows
    ]
    # a text without a place has no mark: of whoever has annotated it, that says that there is none
    places = dict.fromkeys(
        str(mark.get("from_name"))
        for _, results in tasks
        for marks in results
        for mark in marks
        if mark.get("type") in _PLACES
    )
    found: list[Row] = []
    for fields, results in tasks:
        found += [_row(fields, marks, places) for marks in results] or [fields]
    return AnnotatedTasks(found, len(tasks), sum(not results for _, results in tasks))


def _is_task(row: Row) -> bool:
    annotations = row.get("annotations")
    if not isinstance(row.get("data"), dict) or not isinstance(annotations, list):
        return False
    return all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in annotations)


def _of(row: Row) -> Mapping[str, object]:
    data: Any = row["data"]
    return dict(data)


def _results(row: Row) -> Iterator[list[Any]]:
    """Yield the marks of each annotation; one that was cancelled says nothing."""
    annotations: Any = row["annotations"]
    for one in annotations:
        if not one.get("was_cancelled"):
            yield [mark for mark in one["result"] if isinstance(mark, dict)]


def _row(fields: Row, marks: Sequence[Mapping[str, Any]], places: Mapping[str, None]) -> Row:
    found: dict[str, Any] = {_named(name, fields): [] for name in places}
    for mark in marks:
        kind, value, name = mark.get("type"), mark.get("value"), _named(str(mark.get("from_name")), fields)
        if kind in _PLACES:
            found[name].append(value)
        elif isinstance(value, dict) and kind in value:
            inner = value[kind]
            found[name] = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
    return {**fields, **found}


def _named(name: str, fields: Row) -> str:
    return f"annotated_{name}" if name in fields else name
