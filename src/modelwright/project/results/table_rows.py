"""Rows of the tables: a stage, a requirement at one place of measurement, a warning."""

from __future__ import annotations

from dataclasses import asdict, dataclass

DONE, CACHED, FAILED = "done", "cached", "failed"  # what became of a stage
GATED = frozenset({"unmet", "inconclusive"})  # verdicts that hold a release back, unless the file allows them


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
    `unjudged` counts the rows that its slice could not judge, and that are not among `n`. `note` says what keeps
    an inconclusive verdict open, or what the rows do prove. `validation` is the value on validation rows.
    `groups`: in how many groups the n rows come, where these are what is independent; `needed` then counts groups.
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
    unjudged: int = 0
    note: str = ""
    validation: float | None = None
    groups: int | None = None

    @property
    def holds_back(self) -> bool:
        """Return whether a release stops at this row."""
        return self.verdict in GATED and not self.allowed

    def as_json(self) -> dict[str, object]:
        """Return the row as `run --json` shows it."""
        keys = ("requirement", "phase", "value", "low", "high", "n", "verdict", "needed")
        more = ("unjudged", "note", "validation", "groups")
        return {key: getattr(self, key) for key in (*keys, *more)}


@dataclass(frozen=True)
class WarningRow:
    """One thing worth knowing that stopped nothing: the stage that found it, the column and the count it is about.

    `text` and `fix` are worded in the language of the run; `id` is stable. `rows`: of how many rows `count` is a part,
    where it is one of rows.
    """

    stage: str
    id: str
    column: str | None
    count: int | None
    text: str
    fix: str | None = None
    rows: int | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """Return the row as `--json` shows it."""
        return {
            "id": self.id,
            "column": self.column,
            "count": self.count,
            "fix": self.fix,
            "text": self.text,
        }


@dataclass(frozen=True)
class LeaderRow:
    """What a learner answered on validation when `plan` compared learners, and what it would cost.

    `value` of the metric on `n` validation rows (None:
    no value); `seconds`: learning from all rows, by the forecast; `package_bytes`: as exported; `taken`: whether
    the plan took it; `latency_s`: of one request, by the forecast; `behind`, `standard_error`: how far it lies behind
    the best score, and what chance makes of that; `alike`: whether that is within one standard error.
    """

    learner: str
    output: str
    metric: str
    value: float | None
    n: int
    seconds: float
    package_bytes: int
    taken: bool
    latency_s: float | None = None
    behind: float | None = None
    standard_error: float | None = None
    alike: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the row as `plan --json` shows it."""
        return asdict(self)
