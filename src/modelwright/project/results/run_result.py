"""What `run` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from modelwright.core.exit_codes import Exit
from modelwright.core.messages import Problem
from modelwright.project.results.table_rows import FAILED, LeaderRow, RequirementRow, StageRow, WarningRow
from modelwright.project.tuning.search_rows import SearchResult


@dataclass(frozen=True)
class RunResult:
    """What a run did: its stages, the requirement table, and what to do next.

    `signature`: with every input, as `data` sealed it; None when the run ended before.
    `version` and `package` (a digest) are None when the run ended before there was one. `problems` names what
    made a stage fail. `validation`: requirement → its value on validation rows, once there is a package.
    `leaderboard`: how the learners did that `plan` compared. `search`: what a search came to. `notes` are sentences
    worth reading, those of the `warnings` among them; `next_steps` are commands or edits.
    """

    function: str
    version: int | None
    package: str | None
    stages: tuple[StageRow, ...]
    requirements: tuple[RequirementRow, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[WarningRow, ...] = ()
    signature: str | None = None
    leaderboard: tuple[LeaderRow, ...] = ()
    validation: Mapping[str, float | None] = field(default_factory=dict)
    search: SearchResult | None = None

    @property
    def exit_code(self) -> int:
        """Return 1 when a stage failed, 3 when a requirement holds the release back, else 0."""
        if self.problems:
            return Exit.FIXABLE
        if any(row.holds_back for row in self.requirements):
            return Exit.GATE
        return Exit.FIXABLE if any(stage.status == FAILED for stage in self.stages) else Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the object of `run --json`; `problems`, `leaderboard` and `search` only when there are some."""
        shown: dict[str, object] = {
            "function": self.function,
            "signature": self.signature,
            "version": self.version,
            "package": self.package,
            "stages": [asdict(stage) for stage in self.stages],
            "requirements": [row.as_json() for row in self.requirements],
            "warnings": [row.as_json() for row in self.warnings],
        }
        if self.validation:
            shown["validation"] = dict(self.validation)
        if self.leaderboard:
            shown["leaderboard"] = [row.as_json() for row in self.leaderboard]
        if self.search is not None:
            shown["search"] = self.search.as_json()
        if self.problems:
            shown["problems"] = [problem.as_json() for problem in self.problems]
        return shown
