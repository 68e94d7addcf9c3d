"""One screen for each result: what happened, the table, then what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

from rich.console import Console

from modelwright.cli import tables
from modelwright.cli.new import Made
from modelwright.project.results.check_report import CheckReport
from modelwright.project.results.history_results import DiffReport, ReleaseResult, Versions
from modelwright.project.results.live_results import Answered, MonitorReport, StatusReport
from modelwright.project.results.machine_results import DoctorReport, GcReport
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.show_report import ShowReport


def show(result: Any) -> None:
    """Print a result on stdout."""
    screen(result, tables.console())


@singledispatch
def screen(result: Any, out: Console) -> None:
    """Print one result."""
    raise NotImplementedError(f"no screen for a {type(result).__name__}")


@screen.register
def _(result: RunResult, out: Console) -> None:
    tables.stages(out, result.stages)
    tables.requirements(out, result.requirements)
    version = f"version {result.version}" if result.version is not None else ""
    package = f"package {result.package[:12]}" if result.package else ""
    if version or package:
        _lines(out, ["", f"{result.function}: {', '.join(filter(None, (version, package)))}"])
    _after(out, result.notes, result.next_steps)


@screen.register
def _(result: CheckReport, out: Console) -> None:
    _lines(out, [result.signature])
    if result.rows:
        counts = ", ".join(f"{name} {count:,}" for name, count in result.rows.items())
        _lines(out, [f"rows: {counts}; packages judged on this test set so far: {result.looks}"])
    out.print()
    tables.stages(out, result.stages)
    out.print()
    tables.proofs(out, result)
    _after(out, result.notes, result.next_steps)


@screen.register
def _(result: Versions, out: Console) -> None:
    rows = [
        (str(row.number), row.state, row.created, row.package[:12], row.summary) for row in result.versions
    ]
    if rows:
        tables.plain(out, ("version", "state", "made", "package", ""), rows)
    else:
        _lines(out, [f"{result.function} has no version yet"])
    _after(out, (), result.next_steps)


@screen.register
def _(result: ReleaseResult, out: Console) -> None:
    version = f"version {result.version}" if result.version is not None else "the release is"
    before = f", before it version {result.previous}" if result.previous is not None else ""
    _lines(out, [f"{result.function}: {version} {result.state} ({result.strategy}{before})"])
    tables.requirements(out, result.requirements)
    _after(out, result.notes, result.next_steps)


@screen.register
def _(result: StatusReport, out: Console) -> None:
    live = f"version {result.version} in production" if result.version is not None else "nothing released yet"
    _lines(out, [f"{result.function}: {live}"])
    tables.status(out, result)
    if result.alerts:
        _lines(out, ["", *(f"ALERT {alert}" for alert in result.alerts)])
    _after(out, result.notes, result.next_steps)


@screen.register
def _(result: MonitorReport, out: Console) -> None:
    window = tables.seconds(result.window_s)
    _lines(out, [f"{result.function}: {result.requests:,} requests in the last {window}"])
    tables.requirements(out, result.requirements)
    if result.drift:
        out.print()
        tables.plain(
            out, ("input", "drift"), [(name, f"{score:.3f}") for name, score in result.drift.items()]
        )
    _after(out, result.notes, result.next_steps)


@screen.register
def _(result: ShowReport, out: Console) -> None:
    _lines(out, [result.title])
    if result.facts:
        out.print()
        tables.plain(out, ("", ""), result.facts)
    if result.text:
        _lines(out, ["", *result.text.splitlines()])
    if result.path:
        _lines(out, ["", f"lies at {result.path}"])


@screen.register
def _(result: DiffReport, out: Console) -> None:
    _lines(out, [f"{result.a} → {result.b}"])
    for heading, rows in result.changes.items():
        _lines(out, ["", heading])
        tables.plain(
            out, ("", result.a, result.b, ""), [(row.what, row.before, row.after, row.note) for row in rows]
        )
    if not any(result.changes.values()):
        _lines(out, ["no difference"])
    _after(out, result.notes, ())


@screen.register
def _(result: Answered, out: Console) -> None:
    rows = []
    for name, answer in result.outputs.items():
        value, confidence = answer.get("value"), answer.get("confidence")
        sure = f"{confidence:.3f}" if confidence is not None else "–"
        rows.append((name, "(no answer)" if value is None else str(value), sure))
    tables.plain(out, ("output", "value", "confidence"), rows)


@screen.register
def _(result: DoctorReport, out: Console) -> None:
    rows = [(row.name, row.state, row.found, row.next_step) for row in result.rows]
    tables.plain(out, ("what", "", "found", "next"), rows)


@screen.register
def _(result: GcReport, out: Console) -> None:
    removed = f"removed {result.removed:,} sealed results ({tables.size(result.freed_bytes)})"
    _lines(out, [f"{removed}; kept {result.kept:,} ({tables.size(result.kept_bytes)})"])
    _after(out, result.notes, ())


@screen.register
def _(result: Made, out: Console) -> None:
    _lines(out, [f"made {result.folder}:", *(f"  {name}" for name in result.files)])
    _after(out, (), result.next_steps)


def _after(out: Console, notes: Sequence[str], next_steps: Sequence[str]) -> None:
    if notes:
        _lines(out, ["", *notes])
    if next_steps:
        _lines(out, ["", "Next:", *(f"  {step}" for step in next_steps)])


def _lines(out: Console, lines: Sequence[str]) -> None:
    for line in lines:
        out.print(line, markup=False, soft_wrap=not out.is_terminal)
