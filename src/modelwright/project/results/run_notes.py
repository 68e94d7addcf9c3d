"""What a run says beside its tables: notes, next steps, and the report and the model card as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelwright.core.evidence.verdict import Outcome
from modelwright.core.units import Unit, format_quantity
from modelwright.project.loop.context import Context
from modelwright.project.loop.run import Run, evidence_of, other_machine_words
from modelwright.project.loop.stage_names import SEALING, STAGE_NAMES
from modelwright.stages.plan.warnings import of_bars
from modelwright.storage import disk

REPORT, CARD = "report.html", "CARD.md"


def run_notes(context: Context, run: Run) -> Iterator[str]:
    """Yield what is worth reading after a run: warnings of the stages, forecast beside real."""
    if run.other_machine is not None:
        yield other_machine_words(run.other_machine)
    if "plan" in context.made:
        planned = context.made["plan"].summary
        yield f"plan: {planned['learner']}; {planned['why']}"
    for name in SEALING:
        artifact = context.made.get(name)
        if artifact is not None:
            yield from (f"{name}: {line}" for line in artifact.summary.get("warnings", ()))
    if "plan" in context.made:
        yield from (f"plan: {line}" for line in of_bars(_forecast(context), context.opened.requirements))
    if "learn" in context.made and "plan" in context.made:
        yield from _predicted_and_actual(context)
    if "package" in context.made:
        yield f"package: lies at {_shown(context.part('package', 'package').path, context.opened.folder)}"
    if run.released is not None and run.released.blocking:
        yield "held back: " + "; ".join(str(one.requirement) for one in run.released.blocking)


def _predicted_and_actual(context: Context) -> Iterator[str]:
    forecast = _forecast(context)
    learned = context.made["learn"].summary
    package = context.made["package"].summary if "package" in context.made else {}
    latency = _latency(context)
    exact = package.get("taken") != "int8"
    told = [
        f"{name} {format_quantity(forecast[key], unit)} / {format_quantity(real, unit)}"
        for name, key, real, unit in (
            ("learning", "seconds", learned.get("seconds"), Unit.SECONDS),
            ("memory", "memory_bytes", learned.get("memory_bytes"), Unit.BYTES),
            ("size", "package_bytes" if exact else "compressed_bytes", package.get("size_bytes"), Unit.BYTES),
            ("a request" if exact else "a request, before compression", "latency_s", latency, Unit.SECONDS),
        )
        if real is not None and forecast.get(key) is not None
    ]
    if told:
        yield "forecast / real: " + ", ".join(told)


def _shown(path: Path, folder: Path) -> str:
    """Return a path as it is shortest to read: relative to the project where it lies in it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _forecast(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (context.part("plan", "forecast").path / "forecast.json").read_text("utf-8")
    )
    return found


def _latency(context: Context) -> float | None:
    """Return the median seconds of a request to the package, where it has been measured."""
    if "evaluate" not in context.made:
        return None
    found = evidence_of(context.made["evaluate"]).measurements
    return next((one.value for one in found if one.subject.metric == "latency_p50"), None)


def run_next_steps(run: Run, to: str) -> Iterator[str]:
    """Yield what to do next."""
    if run.problems:
        yield "mend what is named above, then run again: what is sealed stays"
        return
    if run.other_machine is not None:
        yield "modelwright run --replan      a new plan for this machine, and all that follows from it"
        return
    waiting = [one for one in run.verdicts if one.outcome is Outcome.INCONCLUSIVE]
    if any(one.needed for one in waiting):
        most = max(one.needed or 0 for one in waiting)
        yield f"bring about {most:,} more test rows: they would decide what is inconclusive"
    if any(one.outcome is Outcome.UNMET for one in run.verdicts):
        yield "give it more to learn from or more time (learn.budget), or another learner (model.learner)"
    if run.version is not None:
        yield "modelwright show report      what was measured, as a page"
        if run.instead is not None:
            yield f"modelwright release --version {run.version}   instead of version {run.instead}"
        if run.released is None or not run.released.blocking:
            yield (
                "modelwright serve            answers over HTTP"
                if to == STAGE_NAMES[-1]
                else "modelwright release"
            )


def write_reports(context: Context, run: Run, folder: Path) -> None:
    """Write the report and the model card with today's verdicts, when a run has come to them."""
    if "evaluate" not in context.made or run.version is None or run.other_machine is not None:
        return
    target = folder / str(run.version)
    from modelwright.reports.card import render_card
    from modelwright.reports.page import render_report
    from modelwright.storage.formats.evidence import read_details, read_evidence

    evidence = read_evidence(context.part("evaluate", "evidence").path)
    details = read_details(context.part("evaluate", "report").path)
    disk.write_atomically(target / REPORT, render_report(evidence, details, run.verdicts))
    disk.write_atomically(target / CARD, render_card(evidence, details, run.verdicts))
