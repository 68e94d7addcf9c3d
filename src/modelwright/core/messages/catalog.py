"""The catalogue: the texts of every message by id, one TOML file a language.

    ["data.missing-column"]
    found = "no column `{column}`; there are {columns}"          what was found, always there
    rule = "the data has a column for `{name}`"                   where it helps
    next = [                                                      the next step; also of `found` and `rule`:
        "did you mean `{near}`?",                                 alternatives, of which the first holds that
        {when = "own", text = "name a column of `{table}`"},      has all its values (None is none), and whose
        "name the one that holds it",                             `when` names a value that is true
    ]

A placeholder is `{name}` or `{name:FORMAT}` with Python's format specifications (`{count:,}`); a brace is
doubled. Values are numbers, texts and names, the same in every language; a text that must be translated too
is a `Phrase`. Other distributions bring a catalogue of their own with `add`.
"""

from __future__ import annotations

import os
import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT = "en"
_FOLDER = Path(__file__).parent
_current = DEFAULT
_added: list[Path] = []

Entry = Mapping[str, Any]  # part (`found`, `rule`, `next`) → text, or a list of alternatives


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def language() -> str:
    """Return the language in which messages are shown."""
    return _current


def use(name: str) -> None:
    """Show messages in this language from now on; one that has no catalogue is English."""
    global _current  # noqa: PLW0603 - one process speaks one language, chosen by its `main`
    _current = name if name in languages() else DEFAULT


def preferred(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language that MODELWRIGHT_LANG, LC_ALL, LC_MESSAGES or LANG names, as `zh_CN.UTF-8` does."""
    for variable in ("MODELWRIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if name := environment.get(variable):
            word = name.replace("-", "_").partition(".")[0].partition("_")[0].lower()
            return word if word in languages() else DEFAULT
    return DEFAULT


def add(folder: Path) -> None:
    """Take the messages of another distribution in: `en.toml`, and whatever languages lie beside it."""
    if folder not in _added:
        _added.append(folder)
        entries.cache_clear()


@cache
def entries(name: str) -> Mapping[str, Entry]:
    """Return every message of a language by id."""
    found: dict[str, Entry] = {}
    for folder in (_FOLDER, *_added):
        path = folder / f"{name}.toml"
        if path.is_file():
            found.update(tomllib.loads(path.read_text("utf-8")))
    return found


def text(message: str, part: str, values: Mapping[str, Any]) -> str:
    """Return one part of a message (`found`, `rule`, `next`) in the current language; empty where it has none.

    A message that the language lacks is shown in English. That every id is known and every placeholder has a
    value is our own business, hence asserted; a test compares the calls with the catalogue.
    """
    entry = entries(_current).get(message) or entries(DEFAULT).get(message)
    assert entry is not None, f"no message {message!r} in the catalogue"
    given = entry.get(part, "")
    alternatives = given if isinstance(given, list) else [given]
    for alternative in alternatives:
        when, pattern = (
            (alternative.get("when"), alternative["text"])
            if isinstance(alternative, Mapping)
            else (None, alternative)
        )
        if when is not None and not values.get(when):
            continue
        if all(values.get(name) is not None for name in placeholders(pattern)):
            return str(pattern.format_map(values))
    raise AssertionError(f"no alternative of {message}.{part} fits the values {sorted(values)}")


def placeholders(pattern: str) -> Iterator[str]:
    """Yield the names that a text stands on."""
    for _, name, _, _ in string.Formatter().parse(pattern):
        if name is not None:
            yield name


def parameters(entry: Entry) -> frozenset[str]:
    """Return every name that an entry uses, in texts and as `when`."""
    names: set[str] = set()
    for given in entry.values():
        for alternative in given if isinstance(given, list) else [given]:
            if isinstance(alternative, Mapping):
                names.add(alternative["when"])
                names.update(placeholders(alternative["text"]))
            else:
                names.update(placeholders(alternative))
    return frozenset(names)
