"""What can go wrong, as one tree.

ModelwrightError
├── UserError            something the user can mend; exit code 1, one message for each problem
│   ├── ProjectError     the project file, or what it says
│   ├── DataError        the data that a project points at
│   ├── PackageError     a package that is damaged, altered or not ours
│   ├── StateError       the state database or the artifact store
│   └── MachineError     this machine: a full disk, a port in use, a library that is missing
├── RequestError         a request that the server refuses; an HTTP status from 400 to 499
└── GateError            a requirement that is unmet or inconclusive; exit code 3
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """States one thing that is wrong: the rule, what was found, the next step.

    `id` is stable (`project.unknown-key`), so that a message can be looked up and translated.
    `where` is a place that the reader can open: `modelwright.yaml:12`, `questions.csv, row 8`.
    """

    id: str
    rule: str
    found: str
    next_step: str
    where: str | None = None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.rule}; found {self.found}. Next: {self.next_step} [{self.id}]"

    def as_json(self) -> dict[str, str | None]:
        """Return the message as the JSON that the command line and the server answer with."""
        return {
            "id": self.id,
            "rule": self.rule,
            "found": self.found,
            "next": self.next_step,
            "where": self.where,
        }


class ModelwrightError(Exception):
    """Any error that Modelwright raises knowingly."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        assert self.problems, "an error names at least one problem"
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UserError(ModelwrightError):
    """Something the user can mend."""


class ProjectError(UserError):
    """The project file, or what it says."""


class DataError(UserError):
    """The data that a project points at."""


class PackageError(UserError):
    """A package that is damaged, altered or not ours."""


class StateError(UserError):
    """The state database or the artifact store."""


class MachineError(UserError):
    """This machine: a full disk, a port in use, a library that is missing."""


class GateError(ModelwrightError):
    """A requirement that is unmet or inconclusive."""


class RequestError(ModelwrightError):
    """A request that the server refuses, with its HTTP status (400 to 499)."""

    def __init__(self, problem: Problem, status: int = 422) -> None:
        super().__init__(problem)
        self.status = status


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Return the known word nearest to `word`, or None when none is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return near[0] if near else None
