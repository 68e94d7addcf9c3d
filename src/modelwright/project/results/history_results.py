"""What the verbs on the history answer: versions, release, rollback, diff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from modelwright.core.exit_codes import Exit
from modelwright.project.results.table_rows import RequirementRow


@dataclass(frozen=True)
class VersionRow:
    """One version. `state` is a word (`live`, `released, not serving`, …); `created` is an ISO 8601 time."""

    number: int
    package: str
    evidence: str
    created: str
    state: str
    summary: str = ""


@dataclass(frozen=True)
class Versions:
    """All versions of a function, newest first."""

    function: str
    versions: tuple[VersionRow, ...]
    next_steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the list as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ReleaseResult:
    """What `release` or `rollback` requested: `version` (None: nothing was released), and the `previous` one.

    `state` is a word (`released`, `already released`, `held back`); `requirements` are the gate's rows.
    """

    function: str
    version: int | None
    previous: int | None
    strategy: str
    state: str
    requirements: tuple[RequirementRow, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 3 when a requirement holds the release back, else 0."""
        return Exit.GATE if any(row.holds_back for row in self.requirements) else Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON."""
        return {**asdict(self), "requirements": [row.as_json() for row in self.requirements]}


@dataclass(frozen=True)
class ChangeRow:
    """One difference: what differs, before and after; `note` says what it means (`+0.012, within noise`)."""

    what: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class DiffReport:
    """What differs between two versions, by heading (`measured`, `made from`); `conclusion`: in one sentence."""

    a: str
    b: str
    changes: Mapping[str, tuple[ChangeRow, ...]]
    notes: tuple[str, ...] = ()
    conclusion: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the differences as JSON."""
        return asdict(self)
