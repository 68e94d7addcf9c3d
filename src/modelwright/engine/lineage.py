"""What an artifact was made from: the parts of its key, and in words how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from modelwright.core import digest
from modelwright.engine.changes import config_changes, counted


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
    """Return in words what changed, what the user most likely did first; empty when nothing did.

    Code and libraries that come into use or fall out of it, as with another learner or kind, are told apart
    from those that were edited or upgraded.
    """
    code, libraries = _compare(old.code, new.code), _compare(old.libraries, new.libraries)
    upgraded = [f"{name} {old.libraries[name]} → {new.libraries[name]}" for name in libraries.changed]
    used = [f"{name} {new.libraries[name]}" for name in libraries.came]
    return [
        *config_changes(old.config, new.config),
        *_named("input {} changed", _compare(old.inputs, new.inputs).all),
        *_named("{} changed", _compare(old.files, new.files).all),
        *_named("code of {} changed", code.changed),
        *_named("uses code of {}", code.came),
        *_named("no longer uses code of {}", code.went),
        *_named(f"{_library(upgraded)} {{}}", upgraded),
        *_named(f"uses {_library(used)} {{}}", used),
        *_named(f"no longer uses {_library(libraries.went)} {{}}", libraries.went),
    ]


@dataclass(frozen=True)
class _Comparison:
    """Names, sorted: those whose value changed, those that only the new side has, and only the old one."""

    changed: list[str]
    came: list[str]
    went: list[str]

    @property
    def all(self) -> list[str]:
        """Return all of them, sorted."""
        return sorted([*self.changed, *self.came, *self.went])


def _compare(old: Mapping[str, str], new: Mapping[str, str]) -> _Comparison:
    return _Comparison(
        changed=sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
        came=sorted(new.keys() - old.keys()),
        went=sorted(old.keys() - new.keys()),
    )


def _named(pattern: str, names: Sequence[str]) -> list[str]:
    return [pattern.format(counted(names))] if names else []


def _library(names: Sequence[str]) -> str:
    return "library" if len(names) == 1 else "libraries"
