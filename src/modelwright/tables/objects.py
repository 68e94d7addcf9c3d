"""Reads JSON rows: a list of objects, an object of objects or with such a list, or an object a line. Without Polars."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelwright.core.messages import DataError, Phrase, Place, Problem
from modelwright.tables.bounds import (
    MOST_COLUMNS,
    MOST_DEPTH,
    MOST_JSON_CHARACTERS,
    MOST_LINE_CHARACTERS,
    long_line,
    too_many_columns,
)
from modelwright.tables.plain import PlainTable

KEY = "key"  # the column that the keys of an object of objects become

_TEXT = "text"  # the column of a text that stands beside its annotations
Row = Mapping[str, object]


@dataclass(frozen=True)
class ReadRows:
    """The rows of a JSON file.

    made: columns no one wrote: the keys of an object of objects; within: where an object holds the rows in one of its
    values, this name, and beside: those of its other values.
    """

    rows: Sequence[Row]
    made: frozenset[str] = frozenset()
    within: str | None = None
    beside: tuple[str, ...] = ()


def read_rows(text: str, *, name: str) -> ReadRows:
    """Return the rows of a JSON file; raises DataError.

    It holds a list of objects, an object of objects, or an object of which one value is a list of objects, beside what
    is said of all (a version, a licence).
    """
    try:
        data = _loads(text)
    except ValueError as error:
        raise _broken(error, name) from None
    if isinstance(data, dict):
        if all(isinstance(row, dict) for row in data.values()):
            if any(KEY in row for row in data.values()):
                raise DataError(Problem("data.duplicate-column", where=name, key=KEY, columns=None))
            rows = [{KEY: key, **_composed(row, name)} for key, row in data.items()]
            return ReadRows(rows, frozenset({KEY}))
        lists = [key for key, value in data.items() if _is_of_objects(value)]
        if len(lists) != 1:
            raise _not_objects(None, name)
        (within,) = lists
        beside = tuple(key for key in data if key != within)
        return ReadRows([_composed(row, name) for row in data[within]], within=within, beside=beside)
    if not isinstance(data, list):
        raise _not_objects(data, name)
    listed: list[Row] = []
    for number, stated in enumerate(data, start=1):
        row = _annotated(stated)
        if not isinstance(row, dict):
            raise _not_objects(row, Phrase("place.row", file=name, row=number))
        listed.append(_composed(row, name))
    return ReadRows(listed)


def _annotated(row: object) -> object:
    """Return a text and its annotations in a list as one row: spaCy was trained with `["…", {"entities": […]}]`."""
    match row:
        case [str(text), dict(annotations)] if _TEXT not in annotations:
            return {_TEXT: text, **annotations}
    return row


def _is_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def are_lines(start: str) -> bool:
    """Tell whether a JSON file has an object a line, as many are published: two that are whole, at its begin.

    start: its first characters, of which the last line may be cut.
    """
    first, line_end, rest = start.lstrip().partition("\n")
    second, *_ = rest.lstrip().split("\n", 1)
    if not line_end or not second.startswith("{"):
        return False
    try:
        return isinstance(_loads(first), dict)
    except ValueError:
        return False


def read_lines(lines: Iterable[str], *, name: str) -> Iterator[Row]:
    """Yield the rows of a file with one JSON object a line; blank lines are skipped; raises DataError.

    `lines` end at a line feed alone: U+2028 is a line break to Python, and a character to JSON.
    """
    number = 0
    for line, content in enumerate(lines, start=1):
        if not content.strip():
            continue
        number += 1
        where = Phrase("place.row", file=name, row=number, line=line)
        try:
            row = _loads(content)
        except json.JSONDecodeError as error:  # its line is the first, and not that of the file
            raise DataError(
                Problem("data.json", where=where, error=error.msg, character=error.pos + 1, several=False)
            ) from None
        except ValueError as error:
            raise _broken(error, where) from None
        if not isinstance(row, dict):
            raise _not_objects(row, where)
        yield _composed(row, where)


def bounded_lines(text: io.TextIOBase, *, name: str) -> Iterator[str]:
    """Yield the lines of a stream that ends them at a line feed; raises DataError for one that is too long."""
    number = 0
    while line := text.readline(MOST_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MOST_LINE_CHARACTERS:
            raise long_line(name, number)
        yield line


def whole(text: io.TextIOBase, *, name: str) -> str:
    """Return all of a stream; raises DataError for one that is too long to be read as a whole."""
    content = text.read(MOST_JSON_CHARACTERS + 1)
    if len(content) > MOST_JSON_CHARACTERS:
        raise DataError(Problem("data.long-json", where=name, most=MOST_JSON_CHARACTERS))
    return content


def parse_lines(text: str, *, name: str) -> PlainTable:
    """Return the table of a text with one JSON object a line; raises DataError.

    Its columns are all names that any object has, as first seen; None where one lacks it.
    """
    rows = list(read_lines(text.split("\n"), name=name))
    names = dict.fromkeys(column for row in rows for column in row)
    if len(names) > MOST_COLUMNS:
        raise too_many_columns(name, MOST_COLUMNS)
    return PlainTable(name, {column: [row.get(column) for row in rows] for column in names}, len(rows))


def _loads(text: str) -> object:
    """Read JSON, and nothing that only looks like it: a name that repeats in an object is an error."""
    try:
        found: object = json.loads(text, object_pairs_hook=_unique_names)
    except RecursionError:
        raise _BrokenError(Problem("data.json-depth", most=MOST_DEPTH)) from None
    except ValueError as error:
        if isinstance(error, _BrokenError | json.JSONDecodeError):
            raise
        raise _BrokenError(Problem("data.json-digits")) from None  # what Python refuses to convert
    _require_depth(found)
    return found


def _composed(row: Mapping[str, object], where: Place) -> Row:
    """Return a row with its names in NFC, as those of a header are and a signature's; raises DataError."""
    if "".join(row).isascii():  # of almost every row, and quick
        return row
    named: dict[str, object] = {}
    for written, value in row.items():
        if (name := unicodedata.normalize("NFC", written)) in named:
            raise _broken(_BrokenError(Problem("data.json-name-twice", name=name)), where)
        named[name] = value
    return named


def _require_depth(found: object) -> None:
    """Raise for lists and objects that lie deeper in each other than a cell of a table does."""
    level = [found]
    for _ in range(MOST_DEPTH):
        level = [
            one
            for outer in level
            for one in (
                outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            )
            if isinstance(one, dict | list)
        ]
        if not level:
            return
    raise _BrokenError(Problem("data.json-depth", most=MOST_DEPTH))


class _BrokenError(ValueError):
    """JSON that the standard library reads, and we do not."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.id)

    def __str__(self) -> str:
        return self.problem.found


def _unique_names(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _BrokenError(Problem("data.json-name-twice", name=name))
        found[name] = value
    return found


def _broken(error: ValueError, where: Place) -> DataError:
    several = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
    return DataError(Problem("data.json", where=where, error=str(error), character=None, several=several))


def _not_objects(found: object, where: Place) -> DataError:
    """Return the error for something else than rows; None: an object whose values are not all objects."""
    return DataError(
        Problem("data.json-shape", where=where, type=None if found is None else type(found).__name__)
    )
