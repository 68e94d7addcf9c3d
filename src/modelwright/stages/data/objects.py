"""Reads JSON rows: a list of objects, an object of objects, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from modelwright.core.messages import DataError, Problem
from modelwright.stages.data.table import Table

KEY = "key"  # the column that the keys of an object of objects become


def parse(text: str, *, name: str) -> Table:
    """Return the rows of a JSON file: a list of objects, or an object of objects; raises DataError."""
    try:
        data = _loads(text)
    except ValueError as error:
        raise _broken_json(str(error), name) from None
    if isinstance(data, dict):
        if not all(isinstance(row, dict) for row in data.values()):
            raise _not_objects("an object that holds other things than objects", name)
        if any(KEY in row for row in data.values()):
            raise DataError(
                Problem(
                    "data.duplicate-column",
                    f"the keys of an object of objects become the column `{KEY}`",
                    f"objects that have a `{KEY}` of their own",
                    "rename it, or write the rows as a list",
                    name,
                )
            )
        return _of_objects([{KEY: key, **row} for key, row in data.items()], name, frozenset({KEY}))
    if not isinstance(data, list):
        raise _not_objects(f"a {type(data).__name__}", name)
    for number, row in enumerate(data, start=1):
        if not isinstance(row, dict):
            raise _not_objects(f"a {type(row).__name__}", f"{name}, row {number}")
    return _of_objects(data, name)


def parse_lines(text: str, *, name: str) -> Table:
    """Return the rows of a file with one JSON object a line; blank lines are skipped; raises DataError."""
    rows: list[dict[str, Any]] = []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        where = f"{name}, row {len(rows) + 1} (line {line})"
        try:
            row = _loads(content)
        except ValueError as error:
            raise _broken_json(str(error), where) from None
        if not isinstance(row, dict):
            raise _not_objects(f"a {type(row).__name__}", where)
        rows.append(row)
    return _of_objects(rows, name)


def _loads(text: str) -> Any:
    """Read JSON, and nothing that only looks like it: a name that repeats in an object is an error."""
    try:
        return json.loads(text, object_pairs_hook=_unique_names)
    except RecursionError:
        raise ValueError("values nested too deeply") from None


def _unique_names(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} stands twice in one object")
        found[name] = value
    return found


def _of_objects(rows: list[dict[str, Any]], name: str, made: frozenset[str] = frozenset()) -> Table:
    """Return the columns of all names that any object has, as first seen; None where one lacks it."""
    names: Mapping[str, None] = dict.fromkeys(column for row in rows for column in row)
    return Table(name, {column: [row.get(column) for row in rows] for column in names}, len(rows), made=made)


def _broken_json(found: str, where: str) -> DataError:
    return DataError(
        Problem(
            "data.json",
            "a JSON source is valid JSON",
            found,
            "mend it there, or look at what wrote it",
            where,
        )
    )


def _not_objects(found: str, where: str) -> DataError:
    return DataError(
        Problem(
            "data.json-shape",
            "JSON rows are objects: a list of them, one a line (.jsonl), or an object of objects",
            found,
            "write each row as an object with a name for every cell",
            where,
        )
    )
