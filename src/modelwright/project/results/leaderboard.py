"""What learners answered on validation when `plan` compared them, as rows, and why one was taken, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.core.messages import Phrase
from modelwright.project.results.table_rows import LeaderRow
from modelwright.storage.formats.plan import Choice, Forecast


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
