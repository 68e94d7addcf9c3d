"""A row for `predict` from words (`question=…`), and answers as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from modelwright.core.messages import DataError, Problem

Row = Mapping[str, str]


def from_words(words: Sequence[str]) -> Row:
    """Return the row that `name=value` words give; a value is text, which the input's kind reads."""
    row: dict[str, str] = {}
    problems: list[Problem] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            problems.append(Problem("predict.word-form", word=word))
        elif name.strip() in row:
            problems.append(Problem("predict.word-twice", name=name.strip()))
        row[name.strip()] = value
    if problems:
        raise DataError(problems)
    return row


def as_line(value: object) -> str:
    """Return a value as one JSON line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
