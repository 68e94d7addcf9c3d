"""Rows for `predict`: from words (`question=…`), from a CSV or from JSON lines; and answers as JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelwright.core.errors import DataError, Problem

MAX_CELL_CHARS = 1 << 24  # the csv module's own bound, 128 kB, is too small for a document in a cell

Row = Mapping[str, Any]


def from_words(words: Sequence[str]) -> Row:
    """Return the row that `name=value` words give; a value is text, which the input's kind reads."""
    row: dict[str, str] = {}
    problems: list[Problem] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            problems.append(
                Problem(
                    "predict.word-form",
                    "an input is written NAME=VALUE",
                    f"`{word}`",
                    'for example: question="Does Medicare cover dental?"',
                )
            )
        elif name.strip() in row:
            problems.append(
                Problem(
                    "predict.word-twice", "an input is given once", f"`{name.strip()}` twice", "remove one"
                )
            )
        row[name.strip()] = value
    if problems:
        raise DataError(problems)
    return row


def from_file(path: Path) -> Iterator[Row]:
    """Yield the rows of a .csv (first line: names) or .jsonl file (one object a line); raises DataError."""
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            Problem(
                "predict.file-form",
                "--file reads .csv and .jsonl",
                f"`{path.name}`",
                "save the rows as one of these",
            )
        )
    if not path.is_file():
        raise DataError(
            Problem("predict.no-file", "--file names a file", f"none at {path}", "check the path", str(path))
        )
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise DataError(
            Problem(
                "predict.encoding",
                "the file is UTF-8 text",
                f"the byte 0x{error.object[error.start]:02x} that UTF-8 does not have",
                "save it as UTF-8",
                path.name,
            )
        ) from None


def as_line(value: Any) -> str:
    """Return a value as one JSON line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL_CHARS)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for number, row in enumerate(reader, start=1):
                extra = row.pop(None, None)  # the csv module puts surplus cells under None
                if extra is not None:
                    raise DataError(
                        Problem(
                            "predict.row-width",
                            f"a row has as many cells as the first line: {len(reader.fieldnames or ())}",
                            f"{len(row) + len(extra)}",
                            "put cells that hold commas in quotes",
                            f"{path.name}, row {number}",
                        )
                    )
                yield row
        except csv.Error as error:
            raise DataError(
                Problem(
                    "predict.csv",
                    "the file is CSV",
                    str(error),
                    "check the quotes on that line",
                    f"{path.name}:{reader.line_num}",
                )
            ) from None


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                row = error
            if not isinstance(row, dict):
                raise DataError(
                    Problem(
                        "predict.json-line",
                        "every line is one JSON object",
                        f"{row if isinstance(row, Exception) else line.strip()[:60]}",
                        'for example: {"question": "Does Medicare cover dental?"}',
                        f"{path.name}:{number}",
                    )
                )
            yield row
