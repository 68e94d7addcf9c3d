"""What an artifact was made from: the parts of its key, and in words how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelwright.core import digests
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Phrase
from modelwright.engine.changes import config_changes, counted

_WHY = {
    "input changed": "why.input-changed",
    "file changed": "why.file-changed",
    "code changed": "why.code-changed",
    "code used": "why.code-used",
    "code no longer used": "why.code-no-longer-used",
    "library changed": "why.library-changed",
    "library used": "why.library-used",
    "library no longer used": "why.library-no-longer-used",
}


@dataclass(frozen=True)
class MadeFrom:
    """Everything that decides the bits of an artifact; equal ones give equal keys.

    code: module → digest of its normalised syntax tree; config: JSON; inputs: parameter → digest of the
    artifact or part; files: name → digest; libraries: distribution → version.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, JsonLike] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Mapping[str, JsonLike]]:
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
        return digests.of_json({"stage": stage, **self.as_json()})


def differences(old: MadeFrom, new: MadeFrom) -> list[str]:
    """Return in words what changed, what the user most likely did first; empty when nothing did.

    Code and libraries that come into use or fall out of it, as with another learner or kind, are distinguished
    from those that were edited or upgraded.
    """
    code, libraries = _compare(old.code, new.code), _compare(old.libraries, new.libraries)
    upgraded = [f"{name} {old.libraries[name]} → {new.libraries[name]}" for name in libraries.changed]
    used = [f"{name} {new.libraries[name]}" for name in libraries.came]
    found = (
        ("input changed", _compare(old.inputs, new.inputs).all),
        ("file changed", _compare(old.files, new.files).all),
        ("code changed", code.changed),
        ("code used", code.came),
        ("code no longer used", code.went),
        ("library changed", upgraded),
        ("library used", used),
        ("library no longer used", libraries.went),
    )
    return [
        *config_changes(old.config, new.config),
        *(
            str(Phrase(_WHY[sort], names=counted(names), several=len(names) > 1))
            for sort, names in found
            if names
        ),
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
