"""What a run says beside its tables: notes, next steps, and the report and the model card as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.project.advice import diagnosis
from modelwright.project.advice.diagnosis import Shortfall
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import Run, evidence_of, other_machine_words
from modelwright.project.loop.stage_names import DATA, LEARN, PACKAGE, SEALING, STAGE_NAMES
from modelwright.project.notes.note_groups import grouped
from modelwright.project.results import validation_scores
from modelwright.project.results.leaderboard import choice_note, leaderboard, left_out_notes
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.stage_warnings import warning_row, warning_rows, worded
from modelwright.project.results.table_rows import LeaderRow, WarningRow
from modelwright.project.results.verdict_rows import requirement_rows
from modelwright.project.tuning import search_results
from modelwright.project.tuning.search_rows import SearchResult
from modelwright.stages.plan.warnings import of_bars
from modelwright.storage import disk
from modelwright.storage.formats.data import DataProfile
from modelwright.storage.formats.plan import Forecast

REPORT, CARD = "report.html", "CARD.md"


def result_of(context: Context, run: Run, to: str, untracked: Sequence[WarningRow]) -> RunResult:
    """Return what a run up to `to` answers; untracked: what could not be recorded of it."""
    warnings = (*run_warnings(context), *untracked)
    scores = validation_scores.validation_scores(context)
    file = context.opened.file
    return RunResult(
        function=context.opened.signature.name,
        version=run.version,
        package=context.made[PACKAGE].part("package").digest if PACKAGE in context.made else None,
        stages=tuple(run.rows),
        requirements=requirement_rows(run.verdicts, file.release.allow_inconclusive, scores),
        validation=scores,
        notes=tuple(run_notes(context, run, warnings)),
        next_steps=tuple(run_next_steps(context, run, to, warnings)),
        problems=run.problems,
        warnings=warnings,
        signature=str(context.signature) if DATA in context.made else None,
        leaderboard=run_leaderboard(context),
        search=search_of(context, run),
    )


def run_warnings(context: Context) -> Iterator[WarningRow]:
    """Yield the warnings of the stages, and those about bars that the forecast breaks."""
    for name in SEALING:
        if (artifact := context.made.get(name)) is not None:
            yield from warning_rows(artifact)
    if "plan" in context.made:
        for found in of_bars(_forecast(context), context.opened.requirements):
            yield warning_row("plan", found)


def run_leaderboard(context: Context) -> tuple[LeaderRow, ...]:
    """Return how the learners did that `plan` compared."""
    return leaderboard(_forecast(context)) if "plan" in context.made else ()


def search_of(context: Context, run: Run) -> SearchResult | None:
    """Return what the search came to, None of a project without one."""
    if run.search is None:
        return None
    return search_results.search_result(run.search.search, run.search.judged, context.opened)


def run_notes(context: Context, run: Run, warnings: Sequence[WarningRow]) -> Iterator[str]:
    """Yield what is worth reading after a run: the choice of `plan`, warnings, what was predicted and what came."""
    if run.other_machine is not None:
        yield other_machine_words(run.other_machine)
    if (found := search_of(context, run)) is not None:
        yield from map(str, search_results.notes(found))
    if "plan" in context.made:
        planned = context.made["plan"].summary
        yield str(Phrase("note.plan", learner=planned["learner"], why=worded(planned["why"])))
        if (chosen := choice_note(context.choice, _forecast(context))) is not None:
            yield str(chosen)
        yield from map(str, left_out_notes(_forecast(context)))
    yield from grouped(warnings)
    if "learn" in context.made and "plan" in context.made:
        yield from _predicted_and_actual(context)
    yield from validation_scores.notes(context)
    if "package" in context.made:
        yield from map(worded, context.made["package"].summary.get("says", ()))
        path = _shown(context.part("package", "package").path, context.opened.folder)
        yield str(Phrase("note.package", path=path))
    if run.released is not None and run.released.blocking:
        yield str(
            Phrase("note.held-back", requirements=[str(one.requirement) for one in run.released.blocking])
        )


def _predicted_and_actual(context: Context) -> Iterator[str]:
    chosen = _forecast(context).chosen
    learned = context.made["learn"].summary
    package = context.made["package"].summary if "package" in context.made else {}
    exact = package.get("taken", "exact") == "exact"
    found = [
        Phrase(
            "note.figure",
            name=name,
            exact=exact,
            predicted=format_quantity(predicted, unit),
            actual=format_quantity(actual, unit),
        )
        for name, predicted, actual, unit in (
            ("learning", chosen.seconds, learned.get("seconds"), Unit.SECONDS),
            ("memory", chosen.memory_bytes, learned.get("memory_bytes"), Unit.BYTES),
            (
                "size",
                chosen.package_bytes
                if exact
                else chosen.compressed_bytes
                if package.get("taken") == "int8"
                else None,
                package.get("size_bytes"),
                Unit.BYTES,
            ),
            ("request", chosen.latency_s, _latency(context), Unit.SECONDS),
        )
        if actual is not None and predicted is not None
    ]
    if found:
        yield str(Phrase("note.predicted-and-actual", figures=found))


def _shown(path: Path, folder: Path) -> str:
    """Return a path as it is shortest to read: relative to the project where it lies in it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _forecast(context: Context) -> Forecast:
    return Forecast.read(context.part("plan", "forecast").path)


def _latency(context: Context) -> float | None:
    """Return the median seconds of a request to the package, where it has been measured."""
    if "evaluate" not in context.made:
        return None
    found = evidence_of(context.made["evaluate"]).measurements
    return next((one.value for one in found if one.subject.metric == "latency_p50"), None)


def run_next_steps(context: Context, run: Run, to: str, warnings: Sequence[WarningRow]) -> Iterator[str]:
    """Yield what to do next; where a bar is missed, what its cause calls for, or nothing where none is known."""
    short = diagnosis.falls_short(run.verdicts)
    causes = diagnosis.diagnose(_shortfall(context, short, warnings)) if short else iter(())
    opened = context.opened
    weights_of = None if opened.signature.outputs or LEARN not in context.made else f"../{opened.folder.name}"
    yield from map(str, next_steps(run, to, tuple(causes), weights_of))


def _shortfall(context: Context, short: tuple[Verdict, ...], warnings: Sequence[WarningRow]) -> Shortfall:
    return Shortfall(
        unmet=short,
        warnings=tuple(warnings),
        evidence=evidence_of(context.made["evaluate"]),
        counts=context.counts,
        profile=DataProfile.read(context.part("data", "profile").path),
        choice=context.choice,
        forecast=_forecast(context),
        history=diagnosis.losses_by_task(context.made["learn"].summary.get("history")),
    )


def next_steps(
    run: Run, to: str, causes: Sequence[Phrase] = (), weights_of: str | None = None
) -> Iterator[Phrase]:
    """Yield what to do next; `causes`: why bars are missed; weights_of: the project, where it makes weights."""
    if run.problems:
        yield Phrase("next.fix-and-run")
        return
    if run.other_machine is not None:
        yield Phrase("next.replan")
        return
    yield from causes
    if weights_of is not None:
        yield Phrase("next.name-weights", path=weights_of)
    waiting = [one for one in run.verdicts if one.outcome is Outcome.INCONCLUSIVE and one.needed]
    if waiting:
        most = max(waiting, key=lambda one: one.needed or 0)
        groups = most.measurement is not None and most.measurement.groups is not None
        decided = [str(one.requirement) for one in waiting]
        yield Phrase("next.more-test-rows", count=most.needed, groups=groups, requirements=decided)
    if run.version is None:
        return
    yield Phrase("next.show-report")
    if run.instead is not None:
        yield Phrase("next.release-instead", version=run.version, instead=run.instead)
    if run.released is None or not run.released.blocking:
        yield Phrase("next.serve") if to == STAGE_NAMES[-1] else Phrase("next.release")


def write_reports(context: Context, run: Run, folder: Path) -> None:
    """Write the report and the model card with today's verdicts, when a run has come to them."""
    if "evaluate" not in context.made or run.version is None or run.other_machine is not None:
        return
    target = folder / str(run.version)
    from modelwright.reports.card import render_card
    from modelwright.reports.page import render_report
    from modelwright.storage.formats.evidence import read_details, read_evidence
    from modelwright.storage.formats.learning_curves import PART, LearningCurves

    evidence = read_evidence(context.part("evaluate", "evidence").path)
    details = read_details(context.part("evaluate", "report").path)
    learned = context.made["learn"]
    curves = LearningCurves.read(learned.part(PART).path) if PART in learned.parts else None
    forms = context.made["package"].summary.get("forms", ()) if "package" in context.made else ()
    found = search_of(context, run)
    tried = None if found is None else search_results.tried(found, context.opened)
    disk.write_atomically(
        target / REPORT, render_report(evidence, details, run.verdicts, curves, forms, tried)
    )
    disk.write_atomically(target / CARD, render_card(evidence, details, run.verdicts))
