"""What `check` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from modelwright.core.exit_codes import Exit
from modelwright.project.results.table_rows import StageRow, WarningRow


@dataclass(frozen=True)
class ProofRow:
    """What the test set can prove about one requirement: `n` rows carry it, `needed` would be enough (None: too many).

    `provable` None: it is decided elsewhere (on the package, in live traffic). `says` is a sentence. `unjudged`
    counts the rows that its slice cannot judge, which carry it neither way.
    """

    requirement: str
    phase: str
    provable: bool | None
    n: int | None = None
    needed: int | None = None
    says: str = ""
    unjudged: int = 0


@dataclass(frozen=True)
class CheckReport:
    """What `check` found: what would run (`status` is `would run` or `cached`) and what can be proved.

    `rows` counts the rows of each split; `evaluations` counts the packages evaluated so far on this
    test set.
    """

    function: str
    signature: str
    stages: tuple[StageRow, ...]
    proofs: tuple[ProofRow, ...]
    rows: Mapping[str, int]
    evaluations: int = 0
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    warnings: tuple[WarningRow, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0: whatever is wrong is raised, and a bar that cannot be proved is only forecast."""
        return Exit.DONE

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return {**asdict(self), "warnings": [row.as_json() for row in self.warnings]}
