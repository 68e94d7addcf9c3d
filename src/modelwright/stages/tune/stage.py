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
from modelwright.core.units import Unit, format_quantity, parse_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.stages.tune.config import TuneConfig
from modelwright.stages.tune.journal import Journal
from modelwright.stages.tune.searching import Searching, SearchTask
from modelwright.stages.tune.trial_runs import TrialRuns
from modelwright.storage.formats.search import Cause, Search, SearchTrial

_CAUSES: tuple[Cause, ...] = ("error", "memory", "time", "crash")
_WIDER = 2.0  # times a bound that a trial has met
_MOST = "most"  # in what a trial failed of: the bound


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
        raise ProjectError(_none_done(found.trials, task.config))
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


def _none_done(trials: Sequence[SearchTrial], config: TuneConfig) -> Problem:
    ways = {(one.cause, _way_out(one, config.parallel)) for one in trials if one.state == "failed"}
    cause, way = ways.pop() if len(ways) == 1 else (None, "alone")
    why = Counter(one.why for one in trials if one.why is not None).most_common(3)
    return Problem(
        "tune.none-done",
        count=len(trials),
        reasons=[Phrase("tune.reason", count=count, why=reason) for reason, count in why],
        cause=cause,
        way=way,
        line=None if way == "alone" else _line(trials[0], way, config),
    )


def _notices(found: Search, config: TuneConfig) -> Iterator[Notice]:
    """Yield what a reader should know of the search: what failed, by cause; what ended it; what was not tried."""
    failed: dict[tuple[Cause, str], list[SearchTrial]] = {}
    for one in found.trials:
        if one.state == "failed" and one.cause is not None:
            failed.setdefault((one.cause, _way_out(one, config.parallel)), []).append(one)
    for (cause, way), trials in sorted(failed.items(), key=lambda item: _CAUSES.index(item[0][0])):
        yield Notice(
            "tune.failed",
            column=None,
            count=len(trials),
            rows=len(found.trials),
            cause=cause,
            numbers=[one.number for one in trials[:5]],
            why=trials[0].why,
            way=way,
            line=_line(trials[0], way, config),
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


def _way_out(trial: SearchTrial, parallel: int) -> str:
    """Return what would let a trial come to its end: a wider bound, fewer at a time, settings that take less.

    Of what is no matter of bounds, that it is run `alone` to see why.
    """
    if trial.cause not in {"memory", "time"}:
        return "alone"
    if trial.why is not None and _MOST in trial.why.values:
        return "bound"
    return "fewer" if parallel > 1 else "smaller"


def _line(trial: SearchTrial, way: str, config: TuneConfig) -> str | None:
    """Return what the project file, or the command line, says then."""
    if way == "bound":
        assert trial.why is not None
        most = str(trial.why.values[_MOST])
        key, unit = ("trial_time", Unit.SECONDS) if trial.cause == "time" else ("memory", Unit.BYTES)
        return setting(f"tune.{key}", format_quantity(_WIDER * parse_quantity(most, unit), unit))
    if way == "fewer":
        return setting("tune.parallel", config.parallel // 2)
    if way == "smaller":
        return None
    return " ".join(
        ["modelwright package --set tune=null", *(f"--set {shlex.quote(one)}" for one in trial.settings)]
    )


def _rounded_up(found: Search) -> int:
    """Return the seconds that all trials would take."""
    return max(1, math.ceil(found.seconds / len(found.trials) * found.wanted))
