"""The stage `tune`: draws settings, has them tried as lanes, and seals what each showed on validation.

search/search.json      the trials (`storage.formats.search`); which is taken is judged afterwards (`judging`)
plans/NNNN/             the plans of those with a package
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.stages.tune.config import TuneConfig
from modelwright.stages.tune.journal import Journal
from modelwright.stages.tune.searching import Searching, SearchTask
from modelwright.stages.tune.trial_runs import TrialRuns
from modelwright.storage.formats.search import Search, SearchTrial


def tune(
    train: ArtifactPart,
    validation: ArtifactPart,
    profile: ArtifactPart,
    task: SearchTask,
    runs: TrialRuns,
    notices: Sequence[Notice],
    out: Path,
    scratch: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Search, write what was found into `out`, and return a summary.

    train, validation, profile: what trials learn from, which they find in the store; runs: what runs them; notices:
    what the space left out. Raises ProjectError where no trial came to a package.
    """
    search = Searching(task, runs, Journal(scratch))
    found = search.run(progress)
    done = [one for one in found.trials if one.state == "done"]
    if not done:
        search.journal.forget()
        raise ProjectError(_none_done(found.trials))
    sealed = (*notices, *_notices(found, task.config))
    found = replace(found, warnings=sealed)
    found.write(out / "search")
    search.journal.copy_plans(out / "plans")
    return {
        "trials": len(found.trials),
        "done": len(done),
        "seconds": found.seconds,
        "warnings": [one.to_wire() for one in sealed],
    }


def _none_done(trials: Sequence[SearchTrial]) -> Problem:
    why = Counter(one.why for one in trials if one.why is not None).most_common(3)
    return Problem(
        "tune.none-done",
        count=len(trials),
        reasons=[Phrase("tune.reason", count=count, why=reason) for reason, count in why],
    )


def _notices(found: Search, config: TuneConfig) -> Iterator[Notice]:
    """Yield what a reader should know of the search: what failed, by cause; what ended it; what was not tried."""
    for cause in ("error", "memory", "time", "crash"):
        failed = [one for one in found.trials if one.state == "failed" and one.cause == cause]
        if failed:
            yield Notice(
                "tune.failed",
                column=None,
                count=len(failed),
                rows=len(found.trials),
                cause=cause,
                numbers=[one.number for one in failed[:5]],
                why=failed[0].why,
                line=_ways_out(failed[0], cause),
            )
    if (
        config.space is not None
        and found.ended == "budget"
        and len(found.trials) < found.wanted
        and found.budget_s is not None
    ):
        yield Notice(
            "tune.budget-spent",
            column=None,
            count=len(found.trials),
            wanted=found.wanted,
            budget=format_quantity(found.budget_s, Unit.SECONDS),
            line=setting("tune.budget", f"{_rounded_up(found)} s"),
        )
    if found.ended == "exhausted" and config.trials is not None and len(found.trials) < config.trials:
        yield Notice("tune.exhausted", column=None, count=len(found.trials), wanted=config.trials)
    if found.combinations is not None and len(found.trials) < found.combinations and found.ended == "trials":
        yield Notice(
            "tune.grid-cut",
            column=None,
            count=len(found.trials),
            combinations=found.combinations,
            line=setting("tune.trials", found.combinations),
        )


def _ways_out(trial: SearchTrial, cause: str) -> str:
    """Return what would let a trial come to its end, or show it alone."""
    if cause == "time":
        return setting("tune.trial_time", "1 h")
    if cause == "memory":
        return setting("tune.memory", "8 GB")
    return " ".join(
        ["modelwright package --set tune=null", *(f"--set {shlex.quote(one)}" for one in trial.settings)]
    )


def _rounded_up(found: Search) -> int:
    """Return the seconds that all trials would take."""
    return max(1, math.ceil(found.seconds / len(found.trials) * found.wanted))
