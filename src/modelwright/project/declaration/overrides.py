"""`--set key.path=value`: changes what the project file says, for one run, and remembers that it did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelwright.core.messages import Problem, ProjectError, shown
from modelwright.core.messages.key_problems import Path, dotted
from modelwright.project.declaration.yaml_lines import plain, read_document

# A requirement's key may hold dots, spaces and `==`; its bar begins with an operator.
_BAR = re.compile(r"(?P<key>requirements\..+?)\s*=\s*(?P<value>[\"']?\s*[<>]=?.*)", re.DOTALL)


@dataclass(frozen=True)
class Override:
    """One `--set`: the path that it changes, the value (None: back to the default), and its text."""

    path: Path
    value: object
    text: str

    @property
    def place(self) -> str:
        """Return what a problem names as the place."""
        return f"--set {dotted(self.path)}"


def read(texts: Sequence[str]) -> tuple[Override, ...]:
    """Read the arguments of `--set`; raises ProjectError with every one that cannot be read."""
    problems: list[Problem] = []
    overrides: list[Override] = []
    for text in texts:
        try:
            overrides.append(_read_one(text))
        except ProjectError as error:
            problems.extend(error.problems)
    if problems:
        raise ProjectError(problems)
    return tuple(overrides)


def apply(value: object, overrides: Sequence[Override]) -> tuple[object, dict[Path, str], dict[Path, str]]:
    """Return a changed copy of `value`, the place of every changed path, and its text as written.

    Raises ProjectError where a path leads through something that holds no keys.
    """
    places: dict[Path, str] = {}
    texts: dict[Path, str] = {}
    problems: list[Problem] = []
    for override in overrides:
        try:
            value = _changed(value, override, ())
        except ProjectError as error:
            problems.extend(error.problems)
            continue
        places[override.path] = override.place
        texts[override.path] = override.text
    if problems:
        raise ProjectError(problems)
    return value, places, texts


def _read_one(text: str) -> Override:
    bar = _BAR.fullmatch(text)
    key, equals, value = (bar["key"], "=", bar["value"]) if bar else _split(text)
    path = _path(key.strip())
    if not equals or not all(path):
        raise ProjectError(Problem("project.override-form", where="--set", given=text))
    value = value.strip()
    return Override(path, _value(value, f"--set {dotted(path)}"), value)


def _split(text: str) -> tuple[str, str, str]:
    # the bar of a requirement may be a number, and its slice may hold `==`: the last `=` divides them
    return text.rpartition("=") if text.startswith("requirements.") else text.partition("=")


def _path(key: str) -> Path:
    section, _, rest = key.partition(".")
    if section == "requirements" and rest:
        return (section, rest.strip())
    return tuple(part.strip() for part in key.split("."))


def _value(text: str, place: str) -> object:
    """Read a value as YAML: brackets, braces and quotes as such, anything else as one plain scalar."""
    if text[:1] not in ("[", "{", '"', "'"):
        return plain(text)
    document = read_document(text, place)
    if document.problems:
        raise ProjectError(document.problems)
    return document.value


def _changed(value: object, override: Override, above: Path) -> object:
    """Return `value` (which lies at the path `above`) with the override put in."""
    rest = override.path[len(above) :]
    if not rest:
        return override.value
    key, path = rest[0], override.path[: len(above) + 1]
    if value is None:
        value = {}
    if isinstance(value, dict):
        changed = _changed(value.get(key), override, path)
        kept = {k: v for k, v in value.items() if k != key or changed is not None}
        return kept if changed is None else {**kept, key: changed}
    if isinstance(value, list) and isinstance(key, str) and key.isdecimal() and int(key) < len(value):
        place = int(key)
        return [*value[:place], _changed(value[place], override, path), *value[place + 1 :]]
    raise ProjectError(
        Problem("project.override-path", where=override.place, path=dotted(above), given=shown(value))
    )
