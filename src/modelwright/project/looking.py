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
from modelwright.core.errors import PackageError, Problem, StateError
from modelwright.core.measurement import Phase
from modelwright.core.requirement import Requirement
from modelwright.core.slices import Slice
from modelwright.core.units import Unit, format_quantity
from modelwright.core.verdict import Outcome, Provability, look_confidence, provable
from modelwright.engine import disk
from modelwright.engine.store import Artifact, Store
from modelwright.project import sealed
from modelwright.project.loop import STAGE_NAMES, Journey, evidence_of
from modelwright.project.results import CheckReport, DoctorReport, DoctorRow, ProofRow, ShowReport, StageRow
from modelwright.project.table import TABLE, Workbench
from modelwright.stages.plan.warnings import of_bars

REPORT, CARD = "report.html", "CARD.md"
NEEDED = {  # what a verb needs, by the extra that brings it
    "learn": ("torch", "transformers", "polars", "lightgbm", "onnx", "scikit-learn"),
    "serve": ("onnxruntime", "tokenizers", "starlette", "uvicorn", "prometheus-client"),
}


def run_notes(bench: Workbench, journey: Journey) -> Iterator[str]:
    """Yield what is worth reading after a run: warnings of the stages, foretold beside real."""
    if "plan" in bench.made:
        planned = bench.made["plan"].summary
        yield f"plan: {planned['learner']}; {planned['why']}"
    for name in TABLE:
        artifact = bench.made.get(name)
        if artifact is not None:
            yield from (f"{name}: {line}" for line in artifact.summary.get("warnings", ()))
    if "plan" in bench.made:
        yield from (f"plan: {line}" for line in of_bars(_forecast(bench), bench.opened.requirements))
    if "learn" in bench.made and "plan" in bench.made:
        yield from _foretold_beside_real(bench)
    if "package" in bench.made:
        yield f"package: lies at {_shown(bench.part('package', 'package').path, bench.opened.folder)}"
    if journey.released is not None and journey.released.blocking:
        yield "held back: " + "; ".join(str(one.requirement) for one in journey.released.blocking)


def _foretold_beside_real(bench: Workbench) -> Iterator[str]:
    forecast = _forecast(bench)
    learned = bench.made["learn"].summary
    package = bench.made["package"].summary if "package" in bench.made else {}
    latency = _latency(bench)
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
        yield "foretold / real: " + ", ".join(told)


def _shown(path: Path, folder: Path) -> str:
    """Return a path as it is shortest to read: relative to the project where it lies in it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _forecast(bench: Workbench) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (bench.part("plan", "forecast").path / "forecast.json").read_text("utf-8")
    )
    return found


def _latency(bench: Workbench) -> float | None:
    """Return the median seconds of a request to the package, where it has been measured."""
    if "evaluate" not in bench.made:
        return None
    found = evidence_of(bench.made["evaluate"]).measurements
    return next((one.value for one in found if one.subject.metric == "latency_p50"), None)


def run_next_steps(journey: Journey, to: str) -> Iterator[str]:
    """Yield what to do next."""
    if journey.problems:
        yield "mend what is named above, then run again: what is sealed stays"
        return
    waiting = [one for one in journey.verdicts if one.outcome is Outcome.INCONCLUSIVE]
    if any(one.needed for one in waiting):
        most = max(one.needed or 0 for one in waiting)
        yield f"bring about {most:,} more test rows: they would decide what is inconclusive"
    if any(one.outcome is Outcome.UNMET for one in journey.verdicts):
        yield "give it more to learn from or more time (learn.budget), or another learner (model.learner)"
    if journey.version is not None:
        yield "modelwright show report      what was measured, as a page"
        if journey.instead is not None:
            yield f"modelwright release --version {journey.version}   instead of version {journey.instead}"
        if journey.released is None or not journey.released.blocking:
            yield (
                "modelwright serve            answers over HTTP"
                if to == STAGE_NAMES[-1]
                else "modelwright release"
            )


def write_reports(bench: Workbench, journey: Journey, folder: Path) -> None:
    """Write the report and the model card with today's verdicts, when a run has come to them."""
    if "evaluate" not in bench.made or journey.version is None:
        return
    target = folder / str(journey.version)
    from modelwright.stages.evaluate.card import render_card
    from modelwright.stages.evaluate.evidence import read_details, read_evidence
    from modelwright.stages.evaluate.report import render_report

    evidence = read_evidence(bench.part("evaluate", "evidence").path)
    details = read_details(bench.part("evaluate", "report").path)
    disk.write_atomically(target / REPORT, render_report(evidence, details, journey.verdicts))
    disk.write_atomically(target / CARD, render_card(evidence, details, journey.verdicts))


def check_report(bench: Workbench, stages: list[StageRow]) -> CheckReport:
    """Return what `check` found once the data is sealed."""
    census = bench.census
    test = bench.part("data", "test")
    looks = bench.state.looks(test.digest, census["test_sketch"])
    confidence = look_confidence(bench.opened.file.confidence, looks + 1)
    return CheckReport(
        function=bench.opened.signature.name,
        signature=str(bench.signature),
        stages=tuple(stages),
        proofs=tuple(_proof(one, census, test.path, confidence) for one in bench.opened.requirements),
        rows=census["rows"],
        looks=looks,
        notes=tuple(f"data: {line}" for line in bench.made["data"].summary.get("warnings", ())),
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
    from modelwright.learners._examples import read_columns  # a slice is the one thing that needs the rows

    part = Slice.parse(subject.where)
    columns = read_columns(test, sorted({*part.columns, *([subject.output] if subject.output else [])}))
    mask = part.mask(columns)
    if subject.of is None or subject.output is None:
        return int(mask.sum())
    truths = columns[subject.output]
    return sum(bool(chosen) and truth == subject.of for chosen, truth in zip(mask, truths, strict=True))


def show(bench: Workbench, store: Store, root: Path, what: str) -> ShowReport:
    """Show a version (`3`), a stage's last result (`learn`), `report`, `card`, or what a digest names."""
    if what in ("report", "card"):
        number = sealed.newest(bench.state).number
        path = root / "reports" / str(number) / (REPORT if what == "report" else CARD)
        if not path.is_file():
            raise StateError(_not_there(what, "a run to `evaluate` writes it: `modelwright run`"))
        text = path.read_text("utf-8").partition("\n")[2] if what == "card" else ""
        return ShowReport(f"{what} of version {number}", text=text, path=str(path))
    if what.removeprefix("v").isdecimal():
        return _show_version(bench, store, int(what.removeprefix("v")))
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


def _show_version(bench: Workbench, store: Store, number: int) -> ShowReport:
    version = next((one for one in bench.state.versions() if one.number == number), None)
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
        f"version {number} of {bench.opened.signature.name}", tuple(facts), path=path, data=data
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
