"""The stage `tune`: draws settings, has them tried as lanes, and seals what each showed on validation.

search/search.json      the trials (`storage.formats.search`); which is taken is judged afterwards (`judging`)
plans/NNNN/             the plans of those with a package

A draw may know the trials up to its own number less the trials at a time, and no others: so the same settings are drawn
whatever the order in which trials end, and after a kill.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import ArtifactPart
from modelwright.stages.tune import judging
from modelwright.stages.tune.axes import Space, settings_of
from modelwright.stages.tune.config import TRIALS, Aim, TuneConfig
from modelwright.stages.tune.journal import Journal
from modelwright.stages.tune.trial_runs import TrialEnd, TrialRuns
from modelwright.storage.formats.search import Search, SearchTrial

_MOST_MISSED = 1e6  # what a bar is missed by where nothing was measured
_OF_SIZE = 0.1  # how much the logarithm of the size counts beside that of the latency

Values = Mapping[str, JsonValue]
Ended = Literal["trials", "budget", "exhausted"]


def tune(
    train: ArtifactPart,
    validation: ArtifactPart,
    profile: ArtifactPart,
    space: Space,
    first: Sequence[Values],
    common: Sequence[str],
    config: TuneConfig,
    budget_s: float | None,
    requirements: Sequence[Requirement],
    main: Mapping[str, tuple[str, bool]],
    aim: Aim | None,
    runs: TrialRuns,
    notices: Sequence[Notice],
    out: Path,
    scratch: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Search, write what was found into `out`, and return a summary.

    train, validation, profile: what trials learn from, which they find in the store; first: settings that are tried
    before any is drawn; common: settings of every trial; budget_s: of all trials together; main: output → its main
    metric and whether higher is better; aim: what is looked for among those that keep every bar, which decides draws
    and nothing that was measured, as the bars do; notices: what the space left out. Raises ProjectError where no trial
    came to a package.
    """
    search = _Searching(
        space, first, common, config, budget_s, requirements, main, aim, runs, Journal(scratch)
    )
    found = search.run(progress)
    done = [one for one in found.trials if one.state == "done"]
    if not done:
        search.journal.forget()
        raise ProjectError(_none_done(found.trials))
    sealed = (*notices, *_notices(found, space, config))
    found = Search(**{**vars(found), "warnings": sealed})
    found.write(out / "search")
    search.journal.copy_plans(out / "plans")
    return {
        "trials": len(found.trials),
        "done": len(done),
        "seconds": found.seconds,
        "warnings": [one.to_wire() for one in sealed],
    }


class _Searching:
    """A search under way."""

    def __init__(
        self,
        space: Space,
        first: Sequence[Values],
        common: Sequence[str],
        config: TuneConfig,
        budget_s: float | None,
        requirements: Sequence[Requirement],
        main: Mapping[str, tuple[str, bool]],
        aim: Aim | None,
        runs: TrialRuns,
        journal: Journal,
    ) -> None:
        self.space, self.first, self.common, self.config = space, first, common, config
        self.budget_s, self.requirements, self.main, self.aim = budget_s, requirements, main, aim
        self.runs, self.journal = runs, journal
        self.ended: Ended | None = None
        self.drawn: list[Values] = []
        self.trials: dict[int, SearchTrial] = {}

    @property
    def wanted(self) -> int:
        """Return the most trials."""
        if self.config.trials is not None:
            return self.config.trials
        return self.space.grid_size() if self.config.sampler == "grid" else max(TRIALS, len(self.first))

    @property
    def seconds(self) -> float:
        """Return what the trials took of the budget."""
        return sum(one.seconds for one in self.trials.values()) / self.config.parallel

    def run(self, progress: Progress) -> Search:
        """Go on behind what the journal holds, until the trials, the budget or the space come to their end."""
        known = self.journal.read()
        running: set[int] = set()
        with self.runs, progress.task(str(Phrase("work.searching")), self.wanted) as task:
            while True:
                while len(running) < self.config.parallel and (values := self._next()) is not None:
                    number = len(self.drawn)
                    self.drawn.append(values)
                    if (before := known.get(number)) is not None and before.values == values:
                        self.trials[number] = before
                        task.advance(1, _line(before))
                        continue
                    self.runs.start(number, settings_of(values, self.common), self._reported)
                    running.add(number)
                if not running:
                    break
                number, end = self.runs.next_end()
                running.remove(number)
                trial = self._trial(number, end)
                self.journal.add(trial, end.plan)
                self.trials[number] = trial
                task.advance(1, _line(trial))
        return self._found()

    def _next(self) -> Values | None:
        """Return the settings of the next trial, None where none may begin now, or any more."""
        number = len(self.drawn)
        if self.ended is not None or any(
            at not in self.trials for at in range(number - self.config.parallel + 1)
        ):
            return None
        if number >= self.wanted:
            self.ended = "trials"
            return None
        if self.budget_s is not None and self.trials:
            # one more is begun where more than half of it is likely to fit
            usual = sum(one.seconds for one in self.trials.values()) / len(self.trials)
            if self.seconds + usual / 2 / self.config.parallel > self.budget_s:
                self.ended = "budget"
                return None
        if number < len(self.first):
            return self.first[number]
        values = self._drawn(number)
        if values is None:
            self.ended = "exhausted"
        return values

    def _drawn(self, number: int) -> Values | None:
        if self.config.sampler == "grid":
            points = [one for one in self.space.points() if one not in self.first]
            place = number - len(self.first)
            return points[place] if place < len(points) else None
        from modelwright.stages.tune import draws  # Optuna, which a grid does without

        ended = [self.trials[at] for at in range(max(0, number - self.config.parallel + 1))]
        aimed = self._aimed(ended)
        known = [
            *(draws.Known(one.values, aimed.get(one.number), self._missed_by(one)) for one in ended),
            *(draws.Known(self.drawn[at], None, {}, running=True) for at in range(len(ended), number)),
        ]
        return draws.draw(self.space, self.config.sampler, self.config.seed, number, known, self.drawn)

    def _aimed(self, ended: Sequence[SearchTrial]) -> dict[int, float]:
        """Return by trial what is made small: how wrong it is, or what it costs."""
        done = [one for one in ended if one.state == "done"]
        found = self._search_of(done)
        if judging.aim_of(found, self.requirements, self.aim) == "best":
            return dict(zip((one.number for one in done), judging.errors(done, found), strict=True))
        costs = {one.number: judging.cost(one) for one in done}
        return {
            number: math.log(latency) + _OF_SIZE * math.log(max(size, 1.0))
            for number, (latency, size, _) in costs.items()
            if math.isfinite(latency) and math.isfinite(size) and latency > 0
        }

    def _missed_by(self, trial: SearchTrial) -> dict[str, float]:
        """Return by requirement how far it is from being kept surely, at most 0 where it is."""
        if trial.state != "done":
            return {}
        return {
            str(one): -1.0
            if (room := judging.room(trial, one)) == math.inf
            else min(judging.ENOUGH - room, _MOST_MISSED)
            for one in judging.bars_of(self.requirements)
        }

    def _reported(self, number: int, step: int, score: float) -> bool:
        return False

    def _trial(self, number: int, end: TrialEnd) -> SearchTrial:
        values = self.drawn[number]
        return SearchTrial(
            number=number,
            values=values,
            settings=settings_of(values, self.common),
            state=end.state,
            seconds=end.seconds,
            learner=end.learner,
            measurements=end.measurements,
            learn_seconds=end.learn_seconds,
            why=end.why,
            cause=end.cause,
            scores=end.scores,
            package=end.package,
        )

    def _search_of(self, trials: Sequence[SearchTrial]) -> Search:
        config = self.config
        return Search(
            trials=tuple(trials),
            main=self.main,
            bars=tuple(map(str, self.requirements)),
            ended=self.ended or "trials",
            sampler=config.sampler,
            pruner=config.pruner,
            seed=config.seed,
            parallel=config.parallel,
            wanted=self.wanted,
            seconds=self.seconds,
            budget_s=self.budget_s,
            combinations=self.space.grid_size() if config.sampler == "grid" else None,
        )

    def _found(self) -> Search:
        return self._search_of([self.trials[number] for number in sorted(self.trials)])


def _line(trial: SearchTrial) -> str:
    """Return what became of a trial, in a few words."""
    return str(
        Phrase(
            "tune.trial-line",
            number=trial.number,
            learner=trial.learner,
            state=Phrase("screen.word", word=trial.state),
        )
    )


def _none_done(trials: Sequence[SearchTrial]) -> Problem:
    why = Counter(one.why for one in trials if one.why is not None).most_common(3)
    return Problem(
        "tune.none-done",
        count=len(trials),
        reasons=[Phrase("tune.reason", count=count, why=reason) for reason, count in why],
    )


def _notices(found: Search, space: Space, config: TuneConfig) -> Iterator[Notice]:
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
    if found.ended == "budget" and len(found.trials) < found.wanted and found.budget_s is not None:
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
