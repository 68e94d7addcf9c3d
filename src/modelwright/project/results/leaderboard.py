"""What learners answered on validation when `plan` compared them, as rows, and why one was taken, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator

from modelwright import learners
from modelwright.core.messages import Phrase
from modelwright.project.results.table_rows import LeaderRow
from modelwright.storage.formats.plan import Choice, Forecast, Ranked

_SPARE = 1.3  # of what a learner would need: for the comparison, and for a machine that is busier next time


def leaderboard(forecast: Forecast) -> tuple[LeaderRow, ...]:
    """Return a row for each learner and output, the one to take first; none where nothing was compared."""
    return tuple(_rows(forecast))


def _rows(forecast: Forecast) -> Iterator[LeaderRow]:
    if forecast.comparison is None:
        return
    costs = {one.learner: one for one in forecast.ranking}
    for compared in forecast.comparison.learners:
        for name in (*compared.also, compared.learner):
            cost = costs[name]
            for score in compared.scores:
                yield LeaderRow(
                    learner=name,
                    output=score.output,
                    metric=score.metric,
                    value=score.value,
                    n=score.n,
                    seconds=cost.seconds,
                    package_bytes=cost.package_bytes,
                    taken=name == forecast.chosen.learner,
                    latency_s=cost.latency_s,
                    behind=compared.behind,
                    standard_error=compared.standard_error,
                    alike=compared.alike,
                )


def choice_note(choice: Choice, forecast: Forecast) -> Phrase | None:
    """Return why the learner was taken, None of a plan that an earlier version sealed."""
    if choice.reason is None:
        return None
    seconds = None if forecast.comparison is None else forecast.comparison.seconds
    return Phrase("note.choice", learner=choice.learner, reason=choice.reason, seconds=seconds)


def left_out_notes(forecast: Forecast) -> Iterator[Phrase]:
    """Yield which learners could learn the function, but not in this budget or memory, and the budget that would do."""
    for one in forecast.ranking:
        if one.lack is not None and one.learner != forecast.chosen.learner:
            yield Phrase(
                "note.left-out",
                learner=one.learner,
                lack=one.lack,
                minutes=minutes_wanted(one, forecast.budget_s),
            )


def minutes_wanted(one: Ranked, budget_s: float) -> int | None:
    """Return the whole minutes of a budget that would hold the learner, None where time is not what it lacks."""
    if one.lack is not None and one.lack.id == "plan.lacks-memory":
        return None
    known = one.learner in learners.names()  # one of a distribution that is gone says nothing more
    fewest = learners.spec(one.learner).fewest_epochs if known else 0
    passes = 1.0 if one.epochs is None else max(1.0, fewest / max(one.epochs, 1e-9))
    if passes <= 1.0 and one.seconds <= budget_s:
        return None
    # what is done once is not done again for each pass; a learner that says it says it in its forecast
    before = one.why.values.get("before_s", 0.0)
    once = min(one.seconds, before) if isinstance(before, int | float) else 0.0
    return math.ceil((once + (one.seconds - once) * passes) * _SPARE / 60)
