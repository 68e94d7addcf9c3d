"""What a run, `check`, `show` and `doctor` say: notes, next steps, reports."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelwright.core import metrics
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Provability, evaluation_confidence, provable
from modelwright.core.messages import PackageError, Problem, StateError
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.store import Artifact, Store
from modelwright.project.loop import sealed
from modelwright.project.loop.run import STAGE_NAMES, Run, evidence_of
from modelwright.project.loop.table import TABLE, Context
from modelwright.project.results.reports import (
    CheckReport,
    DoctorReport,
    DoctorRow,
    ProofRow,
    ShowReport,
    StageRow,
)
from modelwright.stages.plan.warnings import of_bars
from modelwright.storage import disk

REPORT, CARD = "report.html", "CARD.md"
NEEDED = {  # what a verb needs, by the extra that brings it
    "learn": ("torch", "transformers", "polars", "lightgbm", "onnx", "scikit-learn"),
    "serve": ("onnxruntime", "tokenizers", "starlette", "uvicorn", "prometheus-client"),
}


def run_notes(context: Context, run: Run) -> Iterator[str]:
    """Yield what is worth reading after a run: warnings of the stages, forecast beside real."""
    if "plan" in context.made:
        planned = context.made["plan"].summary
        yield f"plan: {planned['learner']}; {planned['why']}"
    for name in TABLE:
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
    if "evaluate" not in context.made or run.version is None:
        return
    target = folder / str(run.version)
    from modelwright.reports.card import render_card
    from modelwright.reports.page import render_report
    from modelwright.storage.formats.evidence import read_details, read_evidence

    evidence = read_evidence(context.part("evaluate", "evidence").path)
    details = read_details(context.part("evaluate", "report").path)
    disk.write_atomically(target / REPORT, render_report(evidence, details, run.verdicts))
    disk.write_atomically(target / CARD, render_card(evidence, details, run.verdicts))


def check_report(context: Context, stages: list[StageRow]) -> CheckReport:
    """Return what `check` found once the data is sealed."""
    census = context.census
    test = context.part("data", "test")
    looks = context.state.evaluations(test.digest, census["test_sketch"])
    confidence = evaluation_confidence(context.opened.file.confidence, looks + 1)
    return CheckReport(
        function=context.opened.signature.name,
        signature=str(context.signature),
        stages=tuple(stages),
        proofs=tuple(_proof(one, census, test.path, confidence) for one in context.opened.requirements),
        rows=census["rows"],
        looks=looks,
        notes=tuple(f"data: {line}" for line in context.made["data"].summary.get("warnings", ())),
        next_steps=("modelwright run",),
    )


def _proof(requirement: Requirement, census: dict[str, Any], test: Path, confidence: float) -> ProofRow:
    phases = requirement.metric.phases
    if Phase.TEST not in phases:
        phase = next(one for one in (Phase.PACKAGE, Phase.TRAINING, Phase.LIVE) if one in phases)
        words = {Phase.PACKAGE: "measured on the package", Phase.LIVE: "only live traffic can show it"}
        return ProofRow(str(requirement), str(phase), None, says=words.get(phase, "shown by training"))
    rows = _rows_of(requirement, census, test)
    found = provable(requirement, rows, confidence)
    if found is None:
        says = "how wide its interval is shows once it is measured"
        return ProofRow(str(requirement), str(Phase.TEST), None, rows, says=says)
    return ProofRow(
        str(requirement), str(Phase.TEST), found.possible, rows, needed=found.needed, says=_says(found)
    )


def _says(found: Provability) -> str:
    if not found.n:
        return "no test row carries it"
    if found.errors is None:
        enough = f"; {found.needed:,} rows without an error would" if found.needed else ""
        return f"not even {found.n:,} of {found.n:,} right would prove it{enough}"
    return f"with at most {found.errors:,} of {found.n:,} wrong"


def _rows_of(requirement: Requirement, census: dict[str, Any], test: Path) -> int:
    """Return how many test rows carry a requirement: those of its class, in its slice."""
    subject = requirement.subject
    if subject.where is None:
        if subject.of is None or subject.output is None:
            return int(census["rows"]["test"])
        return int(census["classes"][subject.output].get(subject.of, {}).get("test", 0))
    from modelwright.storage.formats.rows import read_columns  # a slice is the one thing that needs the rows

    part = Slice.parse(subject.where)
    columns = read_columns(test, sorted({*part.columns, *([subject.output] if subject.output else [])}))
    mask = part.mask(columns)
    if subject.of is None or subject.output is None:
        return int(mask.sum())
    truths = columns[subject.output]
    return sum(bool(chosen) and truth == subject.of for chosen, truth in zip(mask, truths, strict=True))


def show(context: Context, store: Store, root: Path, what: str) -> ShowReport:
    """Show a version (`3`), a stage's last result (`learn`), `report`, `card`, or what a digest names."""
    if what in ("report", "card"):
        number = sealed.newest(context.state).number
        path = root / "reports" / str(number) / (REPORT if what == "report" else CARD)
        if not path.is_file():
            raise StateError(_not_there(what, "a run to `evaluate` writes it: `modelwright run`"))
        text = path.read_text("utf-8").partition("\n")[2] if what == "card" else ""
        return ShowReport(f"{what} of version {number}", text=text, path=str(path))
    if what.removeprefix("v").isdecimal():
        return _show_version(context, store, int(what.removeprefix("v")))
    if what in TABLE:
        latest = store.latest(what)
        artifact = store.find(what, latest.key) if latest else None
        if artifact is None:
            raise StateError(_not_there(what, f"`modelwright {what}` makes it"))
        return _show_artifact(artifact)
    named = [one for one in store.artifacts() if _is_named(one, what)]
    if not named:
        raise StateError(
            _not_there(what, f"name a version, one of {', '.join(TABLE)}, `report`, `card` or a digest")
        )
    return _show_artifact(named[0])


def _is_named(artifact: Artifact, digest: str) -> bool:
    names = (artifact.digest, artifact.key, *artifact.parts.values())
    return len(digest) >= 6 and any(name.startswith(digest) for name in names)


def _show_version(context: Context, store: Store, number: int) -> ShowReport:
    version = next((one for one in context.state.versions() if one.number == number), None)
    if version is None:
        raise StateError(_not_there(f"version {number}", "see `modelwright versions`"))
    evidence = sealed.evidence(store, version)
    facts = [
        ("package", version.package_digest),
        ("evidence", version.evidence_digest),
        ("made", str(version.created_at)),
        ("look at the test set", str(evidence.look)),
    ]
    for one in evidence.measurements:
        if one.subject.of is None and one.value is not None:
            unit = metrics.get(one.subject.metric).unit
            bounds = [format_quantity(x, unit) for x in (one.low, one.high) if x is not None]
            interval = f" [{', '.join(bounds)}]" if len(bounds) == 2 else ""
            facts.append((str(one.subject), f"{format_quantity(one.value, unit)}{interval}, n = {one.n:,}"))
    data = {"package": version.package_digest, "evidence": version.evidence_digest, "look": evidence.look}
    try:
        path = str(sealed.package_folder(store, version))
    except PackageError:
        path = None
    return ShowReport(
        f"version {number} of {context.opened.signature.name}", tuple(facts), path=path, data=data
    )


def _show_artifact(artifact: Artifact) -> ShowReport:
    facts = [("key", artifact.key), ("digest", artifact.digest)]
    facts += [(f"part {name}", digest) for name, digest in artifact.parts.items()]
    facts += [(f"from {name}", digest) for name, digest in artifact.made_from.inputs.items()]
    summary = dict(artifact.summary)
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    return ShowReport(f"{artifact.stage}, sealed", tuple(facts), text, str(artifact.path), summary)


def _not_there(what: str, next_step: str) -> Problem:
    return Problem("show.nothing", rule="`show` shows what is there", found=f"no {what}", next_step=next_step)


def doctor(folder: Path) -> DoctorReport:
    """Say what is missing on this machine; `folder` lies on the disk that artifacts are to be kept on."""
    rows = [
        DoctorRow("Python", "ok", platform.python_version()),
        DoctorRow("cores", "ok", str(len(os.sched_getaffinity(0)))),
        _space(folder),
    ]
    for extra, distributions in NEEDED.items():
        for name in distributions:
            try:
                rows.append(DoctorRow(name, "ok", importlib.metadata.version(name)))
            except importlib.metadata.PackageNotFoundError:
                state = "missing" if extra == "serve" else "note"
                rows.append(DoctorRow(name, state, "not installed", f"pip install 'modelwright[{extra}]'"))
    return DoctorReport(tuple(rows))


def _space(folder: Path) -> DoctorRow:
    free = shutil.disk_usage(folder).free
    state = "ok" if free > 2 * 10**9 else "missing"
    next_step = "" if state == "ok" else "free some: `modelwright gc`"
    return DoctorRow("free disk", state, format_quantity(free, Unit.BYTES), next_step)
