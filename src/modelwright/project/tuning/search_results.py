"""What a search answers: the leaderboard, which trial was taken, which bar binds, and what loosening it would buy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import Unit, format_quantity
from modelwright.project.declaration.project_file import Opened
from modelwright.project.tuning.search_rows import BindingRow, SearchResult, TrialRow, settings_shown
from modelwright.reports.search_charts import TriedSearch, TriedSettings
from modelwright.stages.tune.judging import (
    LATENCY,
    SIZE,
    Binding,
    Judged,
    aim_of,
    bars_of,
    measured,
    miss,
)
from modelwright.storage.formats.search import Search, SearchTrial


def search_result(search: Search, judged: Judged, opened: Opened) -> SearchResult:
    """Return a search as rows, those with a package first, the one to take before all."""
    bars, tune = bars_of(opened.requirements), opened.file.tune
    placed = {one.number for one in judged.order}
    others = [one for one in search.trials if one.number not in placed]
    return SearchResult(
        taken=judged.taken.number,
        standing=judged.standing,
        aim=aim_of(search, opened.requirements, None if tune is None else tune.aim),
        ended=search.ended,
        seconds=search.seconds,
        trials=tuple(_row(one, search, bars, judged) for one in (*judged.order, *others)),
        binding=tuple(_binding_row(one, judged.taken, search, bars) for one in judged.binding),
        main=tuple(_name(search, output) for output in search.main),
    )


def _row(trial: SearchTrial, search: Search, bars: Sequence[Requirement], judged: Judged) -> TrialRow:
    done = trial.state == "done"
    figures = _main(trial, search)
    for bar in bars if done else ():
        found = measured(trial, bar)
        figures[str(bar)] = None if found is None else found.value
    return TrialRow(
        number=trial.number,
        learner=trial.learner,
        settings=trial.values,
        state=trial.state,
        figures=figures if done else {},
        misses=tuple(str(one) for one in bars if done and miss(trial, one) > 0),
        latency_s=trial.value(LATENCY),
        size_bytes=trial.value(SIZE),
        learn_seconds=trial.learn_seconds,
        seconds=trial.seconds,
        score=trial.scores[-1][1] if trial.scores else None,
        why=None if trial.why is None else str(trial.why),
        taken=trial is judged.taken,
    )


def _name(search: Search, output: str) -> str:
    """Return the main metric of an output by name, with the output's where there are several."""
    metric = search.main[output][0]
    return metric if len(search.main) == 1 else f"{output}.{metric}"


def _main(trial: SearchTrial, search: Search) -> dict[str, float | None]:
    return {_name(search, output): trial.value(metric, output) for output, (metric, _) in search.main.items()}


def _binding_row(one: Binding, taken: SearchTrial, search: Search, bars: Sequence[Requirement]) -> BindingRow:
    now, then = (
        _costs(taken, search, bars, one.requirement),
        _costs(one.instead, search, bars, one.requirement),
    )
    return BindingRow(
        requirement=str(one.requirement),
        loosened=f'{one.loosened.key}: "{one.loosened.op} {one.loosened.bar_text}"',
        trial=one.instead.number,
        met=one.met,
        buys={name: (now[name], value) for name, value in then.items() if value != now[name]},
    )


def _costs(
    trial: SearchTrial, search: Search, bars: Sequence[Requirement], but: Requirement
) -> dict[str, float | None]:
    """Return the figures by which two trials are compared."""
    found: dict[str, float | None] = {
        **_main(trial, search),
        LATENCY: trial.value(LATENCY),
        SIZE: trial.value(SIZE),
    }
    for bar in bars:
        if bar is not but and (shown := measured(trial, bar)) is not None:
            found[str(bar.subject)] = shown.value
    found.pop(but.subject.metric, None)
    return found


def tried(result: SearchResult, opened: Opened) -> TriedSearch:
    """Return a search as the report draws it."""
    return TriedSearch(
        metrics=result.main,
        trials=tuple(
            TriedSettings(
                number=row.number,
                learner=row.learner or "–",
                settings=settings_shown(row),
                values=tuple(row.figures.get(name) for name in result.main),
                latency_s=row.latency_s,
                size_bytes=row.size_bytes,
                state=_state(row),
                misses=row.misses,
                taken=row.taken,
            )
            for row in result.trials
        ),
        notes=tuple(f"{one}." for one in notes(result)),
        bars=tuple(_bars(result, opened)),
    )


def _bars(result: SearchResult, opened: Opened) -> Iterator[tuple[str, float, bool]]:
    """Yield where the requirements stand that an axis shows, and whether they bind."""
    binding = {row.requirement for row in result.binding}
    for one in bars_of(opened.requirements):
        subject, binds = one.subject, str(one) in binding
        names = {subject.metric, f"{subject.output}.{subject.metric}"} & set(result.main)
        if subject.metric == SIZE:
            yield "size", one.bar.value, binds
        elif subject.metric.startswith("latency_"):
            yield "latency", one.bar.value, binds
        elif names and subject.of is None and subject.where is None:
            yield names.pop(), one.bar.value, binds


def _state(row: TrialRow) -> str:
    if row.taken:
        return str(Phrase("screen.word", word="taken"))
    if row.state == "done":
        return str(Phrase("screen.misses", requirements=[*row.misses])) if row.misses else ""
    return str(Phrase("screen.word", word=row.state))


def notes(result: SearchResult) -> Iterator[Phrase]:
    """Yield what a search came to in sentences: which trial was taken and why, which bars bind and what they cost."""
    taken = next(row for row in result.trials if row.taken)
    yield Phrase(
        "note.search",
        trials=len(result.trials),
        number=taken.number,
        standing=result.standing,
        aim=result.aim,
        misses=list(taken.misses) or None,
        bars=any(row.figures.keys() - set(result.main) for row in result.trials),
    )
    for row in result.binding:
        yield Phrase(
            "note.binding",
            requirement=row.requirement,
            line=row.loosened,
            met=row.met,
            trial=row.trial,
            itself=row.trial == result.taken,
            buys=[
                Phrase("note.buys", name=name, now=_shown(name, now), then=_shown(name, then))
                for name, (now, then) in row.buys.items()
            ],
        )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name.startswith("latency"):
        return format_quantity(value, Unit.SECONDS)
    if name in (SIZE, "memory"):
        return format_quantity(value, Unit.BYTES)
    return f"{value:.4g}"
