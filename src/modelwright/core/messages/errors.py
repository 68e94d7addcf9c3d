"""What can go wrong, as one tree.

ModelwrightError
├── UserError            something the user can fix; exit code 1, one message for each problem
│   ├── ProjectError     the project file, or what it says
│   ├── DataError        the data that a project points at
│   ├── PackageError     a package that is damaged, altered or not ours
│   ├── StateError       the state database or the artifact store
│   └── MachineError     this machine: a full disk, a port in use, a library that is missing
├── RequestError         a request that the server refuses; an HTTP status from 400 to 499
└── GateError            a requirement that is unmet or inconclusive; exit code 3
"""

from __future__ import annotations

from collections.abc import Iterable

from modelwright.core.messages.message import Problem


class ModelwrightError(Exception):
    """Any error that Modelwright raises knowingly."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        assert self.problems, "an error names at least one problem"
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)  # worded when somebody reads it


class UserError(ModelwrightError):
    """Something the user can fix."""


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

    def __init__(self, problems: Problem | Iterable[Problem], status: int = 422) -> None:
        super().__init__(problems)
        self.status = status
