"""What the methods of `Project` return: plain values that the command line prints and a program reads.

Every result is frozen and has `as_json()`; `run --json` prints that of RunResult. Numbers are in base units
(seconds, bytes, fractions, per second); `unit` says which, so that a table can show `14.2 ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelwright.core.messages import Problem

DONE, CACHED, FAILED = "done", "cached", "failed"  # what became of a stage
GATED = frozenset({"unmet", "inconclusive"})  # verdicts that hold a release back, unless the file allows them

EXIT_DONE, EXIT_FIXABLE, EXIT_USAGE, EXIT_GATE, EXIT_FAULT = 0, 1, 2, 3, 70


@dataclass(frozen=True)
class StageRow:
    """One stage of a run: `status` is done, cached or failed; `why` says why it ran, or failed."""

    name: str
    status: str
    seconds: float
    why: str = ""


@dataclass(frozen=True)
class RequirementRow:
    """One requirement at one place of measurement.

    `requirement` is the whole text (`recall[fraud] >= 0.9`); `subject` and `bar` (with its operator) are its
    halves; `unit` is `s`, `B`, `/s`, `%` (a fraction) or empty (a plain number). `needed` counts the examples
    that would decide an inconclusive verdict. `allowed`: the project file lets a release pass without `met`.
    """

    requirement: str
    subject: str
    bar: str
    phase: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    verdict: str
    needed: int | None = None
    unit: str = ""
    allowed: bool = False

    @property
    def holds_back(self) -> bool:
        """Return whether a release stops at this row."""
        return self.verdict in GATED and not self.allowed

    def as_json(self) -> dict[str, Any]:
        """Return the row as `run --json` shows it."""
        keys = ("requirement", "phase", "value", "low", "high", "n", "verdict", "needed")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class RunResult:
    """What a run did: its stages, the requirement table, and what to do next.

    `version` and `package` (a digest) are None when the run ended before there was one. `problems` names what
    made a stage fail. `notes` are sentences worth reading; `next_steps` are commands or edits.
    """

    function: str
    version: int | None
    package: str | None
    stages: tuple[StageRow, ...]
    requirements: tuple[RequirementRow, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 1 when a stage failed, 3 when a requirement holds the release back, else 0."""
        if self.problems:
            return EXIT_FIXABLE
        if any(row.holds_back for row in self.requirements):
            return EXIT_GATE
        return EXIT_FIXABLE if any(stage.status == FAILED for stage in self.stages) else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the object of `run --json`; it names `problems` only when there are some."""
        shown: dict[str, Any] = {
            "function": self.function,
            "version": self.version,
            "package": self.package,
            "stages": [asdict(stage) for stage in self.stages],
            "requirements": [row.as_json() for row in self.requirements],
        }
        if self.problems:
            shown["problems"] = [problem.as_json() for problem in self.problems]
        return shown


@dataclass(frozen=True)
class ProofRow:
    """What the test set can prove about one requirement: `n` rows carry it, `needed` would be enough.

    `provable` None: it is decided elsewhere (on the package, in live traffic). `says` is a sentence.
    """

    requirement: str
    phase: str
    provable: bool | None
    n: int | None = None
    needed: int | None = None
    says: str = ""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found: what would run (`status` is `would run` or `cached`) and what can be proved.

    `rows` counts the rows of each split; `looks` counts the packages judged so far on this test set.
    """

    function: str
    signature: str
    stages: tuple[StageRow, ...]
    proofs: tuple[ProofRow, ...]
    rows: Mapping[str, int]
    looks: int = 0
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0: whatever is wrong is raised, and a bar that cannot be proved is only forecast."""
        return EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class VersionRow:
    """One version. `state` is a word (`live`, `gated`, …); `created` is an ISO 8601 time."""

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

    def as_json(self) -> dict[str, Any]:
        """Return the list as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ReleaseResult:
    """What `release` or `rollback` wished for: `version` (None: nothing was released), and `previous`.

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
        return EXIT_GATE if any(row.holds_back for row in self.requirements) else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {**asdict(self), "requirements": [row.as_json() for row in self.requirements]}


@dataclass(frozen=True)
class TrafficRow:
    """The live traffic of one version in the window: its share, requests, rate and failures."""

    version: int
    share: float
    requests: int
    rate_per_s: float
    failures: int
    p95_s: float | None = None


@dataclass(frozen=True)
class StatusRow:
    """One requirement in every place: its row on test data, on the package, in a canary and live, or None."""

    requirement: str
    subject: str
    bar: str
    test: RequirementRow | None = None
    package: RequirementRow | None = None
    canary: RequirementRow | None = None
    live: RequirementRow | None = None


@dataclass(frozen=True)
class StatusReport:
    """One screen: requirement × place, traffic, alerts. `version` is the one in production, or None."""

    function: str
    version: int | None
    requirements: tuple[StatusRow, ...]
    traffic: tuple[TrafficRow, ...] = ()
    alerts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0: status only looks."""
        return EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class MonitorReport:
    """What live traffic shows in the window: requirement rows of phase `live`, drift scores by input."""

    function: str
    version: int | None
    window_s: float
    requests: int
    requirements: tuple[RequirementRow, ...]
    drift: Mapping[str, float]
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 3 when a live requirement is unmet; few requests (`inconclusive`) are no alarm."""
        return EXIT_GATE if any(row.verdict == "unmet" for row in self.requirements) else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {**asdict(self), "requirements": [row.as_json() for row in self.requirements]}


@dataclass(frozen=True)
class ShowReport:
    """What `show X` found: facts as (name, value), a text, the file where it lies, and all as data."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    text: str = ""
    path: str | None = None
    data: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return what was found as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ChangeRow:
    """One difference: what differs, before and after; `note` says what it means (`+0.012, within noise`)."""

    what: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class DiffReport:
    """What differs between two versions, by heading (`requirements`, `settings`, `data`, `answers`)."""

    a: str
    b: str
    changes: Mapping[str, tuple[ChangeRow, ...]]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the differences as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Answered:
    """The answer to one row: the version that gave it, and `{output: {"value", "confidence"}}`."""

    version: int | None
    outputs: Mapping[str, Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the server gives it, less the request's id."""
        return {
            "version": self.version,
            "outputs": {name: dict(value) for name, value in self.outputs.items()},
        }


@dataclass(frozen=True)
class DoctorRow:
    """One thing that this machine needs: `state` is `ok`, `missing` (something will not work) or `note`."""

    name: str
    state: str
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """What is there and what is missing on this machine."""

    rows: tuple[DoctorRow, ...]

    @property
    def exit_code(self) -> int:
        """Return 1 when something is missing that can be mended, else 0."""
        return EXIT_FIXABLE if any(row.state == "missing" for row in self.rows) else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class GcReport:
    """What `gc` removed and kept, in artifacts and bytes."""

    removed: int
    freed_bytes: int
    kept: int
    kept_bytes: int
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)
