"""A search under way: which trials are drawn when, what ends it, and what is written down as they end.

A draw may know the trials up to its own number less the trials at a time, and no others: so the same settings are drawn
whatever the order in which trials end, and after a kill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.core.requirements.requirement import Requirement
from modelwright.stages.tune import blending, judging, pruning
from modelwright.stages.tune.axes import LEARNER, Space, settings_of
from modelwright.stages.tune.config import TRIALS, Aim, TuneConfig
from modelwright.stages.tune.journal import Journal
from modelwright.stages.tune.trial_runs import LastTrial, TrialEnd, TrialRuns
from modelwright.storage.formats.search import Search, SearchTrial

_MOST_MISSED = 1e6  # what a bar is missed by where nothing was measured
_WIDE = 3  # of so many draws without a space, one is of all learners, and the others are of the best so far
_OF_SIZE = 0.1  # how much the logarithm of the size counts beside that of the latency

Values = Mapping[str, JsonValue]
Ended = Literal["trials", "budget", "exhausted"]


@dataclass(frozen=True)
class SearchTask:
    """What is searched.

    first: settings that are tried before any is drawn; common: settings of every trial; last: what the best is learned
    under once more; budget_s: of all trials together; main: output → its main metric and whether higher is better; aim:
    what is looked for among those that keep every bar. Requirements and aim decide draws, and nothing that is measured.
    """

    space: Space
    config: TuneConfig
    requirements: Sequence[Requirement]
    main: Mapping[str, tuple[str, bool]]
    first: Sequence[Values] = ()
    common: Sequence[str] = ()
    last: LastTrial | None = None
    budget_s: float | None = None
    aim: Aim | None = None


@dataclass(frozen=True)
class _Closing:
    """A trial that ends a search: its settings, what it takes of the budget, and whether it blends the others."""

    values: Values
    seconds: float
    is_blend: bool = False


class Searching:
    """A search under way."""

    def __init__(self, task: SearchTask, runs: TrialRuns, journal: Journal) -> None:
        self.task, self.runs, self.journal = task, runs, journal
        self.space, self.config = task.space, task.config
        self.last, self.is_again = task.last, False  # whether the best was learned once more
        self.ended: Ended | None = None
        self.drawn: list[Values] = []
        self.trials: dict[int, SearchTrial] = {}

    @property
    def wanted(self) -> int:
        """Return the most trials."""
        if self.config.trials is not None:
            return self.config.trials
        return self.space.grid_size() if self.config.sampler == "grid" else max(TRIALS, len(self.task.first))

    @property
    def seconds(self) -> float:
        """Return what the trials took of the budget."""
        return sum(one.seconds for one in self.trials.values()) / self.config.parallel

    def run(self, progress: Progress) -> Search:
        """Go on behind what the journal holds, until the trials, the budget or the space come to their end."""
        known = self.journal.read()
        running: set[int] = set()
        # where a budget ends it, nobody knows how many trials there will be
        total = self.wanted if self.task.budget_s is None else None
        with self.runs, progress.task(str(Phrase("work.searching")), total) as bar:
            while True:
                while len(running) < self.config.parallel and (values := self._next()) is not None:
                    number = len(self.drawn)
                    self.drawn.append(values)
                    if (before := known.get(number)) is not None and before.values == values:
                        self.trials[number] = before
                        bar.advance(1, _line(before))
                        continue
                    self.runs.start(number, settings_of(values, self.task.common), self._reported)
                    running.add(number)
                if not running:
                    break
                number, end = self.runs.next_end()
                running.remove(number)
                trial = self._trial(number, end)
                self.journal.add(trial, end.plan)
                self.trials[number] = trial
                bar.advance(1, _line(trial))
        return self._found()

    def _next(self) -> Values | None:
        """Return the settings of the next trial, None where none may begin now, or any more."""
        number = len(self.drawn)
        if self.ended is not None or any(
            at not in self.trials for at in range(number - self.config.parallel + 1)
        ):
            return None
        ended = self._ended(number)
        values = None
        if ended is None:
            values = self.task.first[number] if number < len(self.task.first) else self._drawn(number)
            ended = "exhausted" if values is None else None
        if ended is not None and (closing := self._closing()) is not None:
            if len(self.trials) < number:
                return None  # a closing trial is of the best of all others
            self.is_again = True
            if closing.is_blend:
                self.last, self.ended = None, ended
            return closing.values
        self.ended = ended
        return values

    def _ended(self, number: int) -> Ended | None:
        """Return what keeps a further trial from being begun."""
        if number >= self.wanted:
            return "trials"
        if self.task.budget_s is None or not self.trials:
            return None
        closing = self._closing()
        # what is tried before any draw is tried first of all, whatever is to come in the end
        kept_s = 0.0 if closing is None or number < len(self.task.first) else closing.seconds
        # one more is begun where more than half of it is likely to fit
        over = self.seconds + self._usual_s / 2 / self.config.parallel > self.task.budget_s - kept_s
        return "budget" if over else None

    def _closing(self) -> _Closing | None:
        """Return the next of the trials that end the search; None where there is to be none.

        First the best so far is learned with half of the budget, where its own may have cut it short. What that leaves
        is for more trials, and in the end for a blend of the best.
        """
        judged = judging.judge_trials(self._found(), self.task.requirements, self.task.aim)
        if self.last is None or judged is None:
            return None
        was_cut = not judged.taken.settled and (judged.taken.learn_seconds or 0.0) >= self.last.cut_s
        if not self.is_again and was_cut:
            return _Closing({**judged.taken.values, **self.last.values}, self.last.seconds)
        left_s = (self.task.budget_s or math.inf) - self.seconds
        members = blending.within(blending.members(judged.order), left_s)
        if self.last.blend is None or len(members) < 2:
            return None
        takes_s = blending.seconds(members)
        learns_s = max(left_s, takes_s)
        if not self.is_again:
            learns_s = min(learns_s, self.last.seconds)
        elif takes_s > left_s + self._usual_s:  # a trial may have taken more than was left to it
            return None
        values = blending.settings(self.last.blend, members)
        return _Closing({**values, blending.BUDGET: f"{learns_s:.4g} s"}, takes_s, is_blend=True)

    @property
    def _usual_s(self) -> float:
        """Return what a trial took in the mean."""
        return sum(one.seconds for one in self.trials.values()) / len(self.trials)

    def _drawn(self, number: int) -> Values | None:
        if self.config.sampler == "grid":
            points = [one for one in self.space.points() if one not in self.task.first]
            place = number - len(self.task.first)
            return points[place] if place < len(points) else None
        from modelwright.stages.tune import draws  # Optuna, which a grid does without

        ended = [self.trials[at] for at in range(max(0, number - self.config.parallel + 1))]
        space = self._narrowed(number, ended)
        if space is not self.space and (form := self._form(space, ended)) is not None:
            return form
        aimed = self._aimed(ended)
        known = [
            *(draws.Known(one.values, aimed.get(one.number), self._missed_by(one)) for one in ended),
            *(draws.Known(self.drawn[at], None, {}, running=True) for at in range(len(ended), number)),
        ]
        if space.learners != self.space.learners:
            known = [one for one in known if one.values.get(LEARNER) in space.learners]
        return draws.draw(space, self.config.sampler, self.config.seed, number, known, self.drawn)

    def _narrowed(self, number: int, ended: Sequence[SearchTrial]) -> Space:
        """Return what a trial is drawn from: of a search without a space, mostly the learner that is best so far."""
        drawn = number - len(self.task.first)
        if self.task.last is None or drawn % _WIDE == _WIDE - 1 or len(self.space.learners) < 2:
            return self.space
        judged = judging.judge_trials(self._search_of(ended), self.task.requirements, self.task.aim)
        best = None if judged is None else judged.taken.learner
        if best not in self.space.learners:
            return self.space
        return Space(tuple(one for one in self.space.axes if one.beside(best)), (best,))

    def _form(self, space: Space, ended: Sequence[SearchTrial]) -> Values | None:
        """Return the next form of a learner that was not tried: one choice among names, all else as it is by default.

        Defaults are good settings, and what errs on other rows is good to blend. What is known to be the default is no
        form of its own.
        """
        (learner,) = space.learners
        return next(
            (
                {LEARNER: learner, axis.key: value}
                for axis in space.axes
                for value in blending.forms(axis, ended, {LEARNER: learner})
                if {LEARNER: learner, axis.key: value} not in self.drawn
            ),
            None,
        )

    def _aimed(self, ended: Sequence[SearchTrial]) -> dict[int, float]:
        """Return by trial what is made small: how wrong it is, or what it costs."""
        done = [one for one in ended if one.state == "done"]
        found = self._search_of(done)
        if judging.aim_of(found, self.task.requirements, self.task.aim) == "best":
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
            for one in judging.bars_of(self.task.requirements)
        }

    def _reported(self, number: int, learner: str | None, scores: pruning.Scores) -> bool:
        """Tell whether a trial is to be ended, by the trials of its learner that it may know."""
        known = range(max(0, number - self.config.parallel + 1))
        others = [self.trials[at].scores for at in known if self.trials[at].learner == learner]
        return pruning.is_pruned(self.config.pruner, number, scores, others)

    def _trial(self, number: int, end: TrialEnd) -> SearchTrial:
        values = self.drawn[number]
        return SearchTrial(
            number=number,
            values=values,
            settings=settings_of(values, self.task.common),
            state=end.state,
            seconds=end.seconds,
            learner=end.learner,
            measurements=end.measurements,
            learn_seconds=end.learn_seconds,
            settled=end.settled,
            why=end.why,
            cause=end.cause,
            scores=end.scores,
            package=end.package,
        )

    def _search_of(self, trials: Sequence[SearchTrial]) -> Search:
        config = self.config
        return Search(
            trials=tuple(trials),
            main=self.task.main,
            bars=tuple(map(str, self.task.requirements)),
            ended=self.ended or "trials",
            sampler=config.sampler,
            pruner=config.pruner,
            seed=config.seed,
            parallel=config.parallel,
            wanted=self.wanted,
            seconds=self.seconds,
            budget_s=self.task.budget_s,
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
