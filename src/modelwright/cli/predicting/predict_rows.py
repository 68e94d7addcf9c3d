"""A row for `predict` from words (`question=…`), and answers as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from modelwright.core.messages import DataError, Problem
from modelwright.storage.user_paths import expanded

Row = Mapping[str, str | Path]
AT = "@"  # before the path of a file


def from_words(words: Sequence[str], inputs: Callable[[], Sequence[str]]) -> Row:
    """Return the row that `name=value` words give; a value is text, which the input's kind reads.

    One word that names no input is the value itself, where the function has one input. `inputs` gives their names.
    """
    row: dict[str, str | Path] = {}
    problems: list[Problem] = []
    if len(words) == 1 and not _names_an_input(words[0]) and len(names := inputs()) == 1:
        return {names[0]: words[0]}
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


def with_files(row: Row, files: Callable[[], Collection[str]]) -> Row:
    """Return the row with a path in place of `@cat.jpg`, of the inputs that hold files; of others it is a text.

    files: gives every name that such inputs have, of the signature and of the data.
    """
    if not any(isinstance(value, str) and value.startswith(AT) for value in row.values()):
        return row
    held = files()
    return {
        name: expanded(value.removeprefix(AT))
        if name in held and isinstance(value, str) and value.startswith(AT)
        else value
        for name, value in row.items()
    }


def _names_an_input(word: str) -> bool:
    """Tell whether a word is of the form NAME=VALUE, as far as one can tell without the names."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.strip().isidentifier()


def as_line(value: object) -> str:
    """Return a value as one JSON line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
