"""What an artifact was made from: the parts of its key, and in words how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelwright.core import digest

_SHOWN = 3  # changed things of one sort that an explanation names before it counts the rest
_VALUE_CHARACTERS = 40


@dataclass(frozen=True)
class MadeFrom:
    """Everything that decides the bits of an artifact; equal ones give equal keys.

    code: module → digest of its normalised syntax tree; config: JSON; inputs: parameter → digest of the
    artifact or part; files: name → digest; libraries: distribution → version.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the parts as JSON."""
        return {
            "code": dict(self.code),
            "config": dict(self.config),
            "inputs": dict(self.inputs),
            "files": dict(self.files),
            "libraries": dict(self.libraries),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` returned; raises KeyError when a part is missing."""
        return cls(
            code=data["code"],
            config=data["config"],
            inputs=data["inputs"],
            files=data["files"],
            libraries=data["libraries"],
        )

    def key(self, stage: str) -> str:
        """Return the key (SHA-256, hex) of the artifact that this stage makes from these."""
        return digest.of_json({"stage": stage, **self.as_json()})


def differences(old: MadeFrom, new: MadeFrom) -> list[str]:
    """Return in words what changed, what the user most likely did first; empty when nothing did."""
    return [
        *(
            f"config `{path}` {_show(a)} → {_show(b)}"
            for path, a, b in _config_changes(old.config, new.config)
        ),
        *_named("input {} changed", _changed(old.inputs, new.inputs)),
        *_named("{} changed", _changed(old.files, new.files)),
        *_named("code of {} changed", _changed(old.code, new.code)),
        *(
            f"library {name} {old.libraries.get(name, 'absent')} → {new.libraries.get(name, 'absent')}"
            for name in _changed(old.libraries, new.libraries)
        ),
    ]


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _named(pattern: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = len(names) - _SHOWN
    return [pattern.format(", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else ""))]


_ABSENT = object()


def _config_changes(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{path}.{name}" if path else str(name)
            yield from _config_changes(old.get(name, _ABSENT), new.get(name, _ABSENT), inner)
    elif old is _ABSENT or new is _ABSENT or digest.canonical_json(old) != digest.canonical_json(new):
        yield path, old, new


def _show(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = value if isinstance(value, str) else digest.canonical_json(value)
    return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 1] + "…"
