"""What a search answers, as rows. Light imports only: a run with nothing to do reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from modelwright.core.json_types import Json


@dataclass(frozen=True)
class TrialRow:
    """One trial: what was tried and what it showed on validation.

    number: from 0, in the order of drawing; settings: what was drawn; state: `done`, `failed` or `pruned`; figures:
    requirement, or main metric, → its value, in base units; misses: the requirements that it does not keep; latency_s,
    size_bytes, learn_seconds: what it costs; score: the last that it reported, of one that was pruned; why: of one that
    failed or was pruned.
    """

    number: int
    learner: str | None
    settings: Mapping[str, Json]
    state: str
    figures: Mapping[str, float | None] = field(default_factory=dict)
    misses: tuple[str, ...] = ()
    latency_s: float | None = None
    size_bytes: float | None = None
    learn_seconds: float | None = None
    seconds: float = 0.0
    score: float | None = None
    why: str | None = None
    taken: bool = False


def settings_shown(row: TrialRow) -> str:
    """Return what was drawn for a trial, less the learner, which has a column of its own."""
    shown = {key: value for key, value in row.settings.items() if key != "model.learner"}
    return " ".join(f"{key}={_shown(value)}" for key, value in shown.items())


def _shown(value: Json) -> str:
    """Return a value in few characters: of the members of a blend their names."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "learner" in one for one in value):
        return "+".join(str(one["learner"]) for one in value if isinstance(one, dict))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


@dataclass(frozen=True)
class BindingRow:
    """A requirement that binds: at `loosened` (a line of the project file) another trial would be taken.

    buys: what that one has, by name: its value beside that of the one taken; met: whether all else would be kept.
    """

    requirement: str
    loosened: str
    trial: int
    met: bool
    buys: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResult:
    """What a search came to; `standing`: `kept`, `close` or `nearest` (see `stages.tune.judging`)."""

    taken: int
    standing: str
    aim: str
    ended: str
    seconds: float
    trials: tuple[TrialRow, ...]
    binding: tuple[BindingRow, ...] = ()
    main: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the object of `run --json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SearchResult:
        """Read what `as_json` gave; raises KeyError or TypeError for what is none of this version."""
        trials = tuple(TrialRow(**{**row, "misses": tuple(row["misses"])}) for row in content["trials"])
        binding = tuple(
            BindingRow(**{**row, "buys": {name: tuple(two) for name, two in row["buys"].items()}})
            for row in content["binding"]
        )
        return cls(**{**content, "trials": trials, "binding": binding, "main": tuple(content["main"])})
