"""What the verbs on live traffic answer: status, monitor; and the answer to one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from modelwright.core.exit_codes import Exit
from modelwright.core.messages import Problem
from modelwright.project.results.table_rows import RequirementRow


@dataclass(frozen=True)
class TrafficRow:
    """The live traffic of one version in the window: its share, requests, rate, failures and p95 of latency.

    ttft_p95_s, tokens_per_second: of answers that are written token by token, where there are any.
    """

    version: int
    share: float
    requests: int
    rate_per_s: float
    failures: int
    p95_s: float | None = None
    ttft_p95_s: float | None = None
    tokens_per_second: float | None = None


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
class Heartbeat:
    """The gateway that renewed its lease last: host and process, how long ago, and whether it still runs.

    age_s: None where the clock was set back since.
    """

    gateway: str
    age_s: float | None
    alive: bool


@dataclass(frozen=True)
class StatusReport:
    """One screen: requirement × place, traffic, alerts. `version` is the one in production, or None.

    `judged`: the version whose test results stand in `requirements`: that in production, else the newest;
    `held_back_by`: its requirements that keep it from being released; `heartbeat`: None where no gateway ever ran.
    `serving`: whether a gateway serves what is released, by its heartbeat; None where that is not recorded.
    """

    function: str
    version: int | None
    requirements: tuple[StatusRow, ...]
    traffic: tuple[TrafficRow, ...] = ()
    alerts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    judged: int | None = None
    held_back_by: tuple[str, ...] = ()
    heartbeat: Heartbeat | None = None
    serving: bool | None = None

    @property
    def exit_code(self) -> int:
        """Return 0: status only looks."""
        return Exit.DONE

    def as_json(self) -> dict[str, object]:
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
        return Exit.GATE if any(row.verdict == "unmet" for row in self.requirements) else Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return {**asdict(self), "requirements": [row.as_json() for row in self.requirements]}


@dataclass(frozen=True)
class RowAnswer:
    """The answer to one row: the version that gave it, and `{output: {"value", "confidence"}}`.

    `unseen`: the inputs whose value training never showed, nor (a number) any near it. Of a row of a file:
    its number, the columns that are kept beside the answer, and why it could not be answered (then no outputs).
    """

    version: int | None
    outputs: Mapping[str, Mapping[str, object]]
    unseen: tuple[str, ...] = ()
    row: int | None = None
    given: Mapping[str, object] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the answer as the server gives it, less the request's id."""
        return {
            **({} if self.row is None else {"row": self.row}),
            "version": self.version,
            "outputs": {name: dict(value) for name, value in self.outputs.items()},
            **({"unseen": list(self.unseen)} if self.unseen else {}),
            **({"errors": [_as_json(one) for one in self.problems]} if self.problems else {}),
            **({"given": dict(self.given)} if self.given else {}),
        }


def _as_json(problem: Problem) -> dict[str, object]:
    return {"id": problem.id, "found": problem.found, "rule": problem.rule, "next": problem.next_step}
