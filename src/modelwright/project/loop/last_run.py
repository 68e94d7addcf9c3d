"""A run with nothing to do, answered from the engine's stamp without loading anything. Light imports only.

`Project.run` writes it: `record.stamp(place(file), arguments(file, to, settings), kept_result(result))`. The
command line reads it here before all else.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Phrase
from modelwright.engine import stamp
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.table_rows import (
    CACHED,
    FAILED,
    LeaderRow,
    RequirementRow,
    StageRow,
    WarningRow,
)
from modelwright.project.tuning.search_rows import SearchResult


def place(file: Path) -> Path:
    """Return where the stamp of a project file lies (beside it, whatever `store` says)."""
    return file.absolute().parent / ".modelwright" / "stamp.json"


def arguments(file: Path, to: str, settings: Sequence[str]) -> JsonObject:
    """Return all that decides what a run prints, beside the files; a copied project has a stamp of another."""
    return {"file": str(file.absolute()), "to": to, "settings": list(settings)}


def kept_result(result: RunResult) -> stamp.KeptResult:
    """Return a result as the stamp keeps it. A result with problems is never kept."""
    assert not result.problems, "only a run that succeeded is kept"
    return stamp.KeptResult(json.dumps(dataclasses.asdict(result)), result.exit_code)


def read(file: Path, to: str, settings: Sequence[str]) -> RunResult | None:
    """Return what the last run printed, every stage now cached, or None when there is something to do."""
    found = stamp.read_if_unchanged(place(file), arguments(file, to, settings))
    if found is None:
        return None
    try:
        kept = json.loads(found.text)
        return RunResult(
            kept["function"],
            kept["version"],
            kept["package"],
            tuple(map(_unchanged, kept["stages"])),
            tuple(RequirementRow(**row) for row in kept["requirements"]),
            tuple(kept["notes"]),
            tuple(kept["next_steps"]),
            warnings=tuple(WarningRow(**row) for row in kept["warnings"]),
            signature=kept["signature"],
            leaderboard=tuple(LeaderRow(**row) for row in kept["leaderboard"]),
            validation=kept["validation"],
            search=None if kept["search"] is None else SearchResult.from_json(kept["search"]),
        )
    except (ValueError, KeyError, TypeError):
        return None  # written by another version: the run is made in full


def _unchanged(row: dict[str, Any]) -> StageRow:
    """Return a stage's row as it is now: a release that was held back still is, all else is done already."""
    if row["status"] == FAILED:
        return StageRow(row["name"], FAILED, 0.0, row["why"])
    return StageRow(row["name"], CACHED, 0.0, str(Phrase("run.unchanged")))
