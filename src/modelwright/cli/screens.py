"""One screen for each result: what happened, the table, then what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import singledispatch

from rich.console import Console

from modelwright.cli import tables
from modelwright.cli.explain_screen import show_explanation
from modelwright.cli.new import Made
from modelwright.cli.rate_screen import show_rates
from modelwright.cli.run_screen import after, lines, show_run, signature_line
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.project.explained.explain_report import ExplainReport
from modelwright.project.judging.judge_report import JudgeReport
from modelwright.project.rates.rate_report import RateReport
from modelwright.project.results.check_report import CheckReport
from modelwright.project.results.history_results import DiffReport, ReleaseResult, Versions
from modelwright.project.results.live_results import MonitorReport, RowAnswer, StatusReport
from modelwright.project.results.machine_results import DoctorReport, ExportReport, GcReport, MoveReport
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.show_report import ShowReport


def show(result: object) -> None:
    """Print a result on stdout."""
    screen(result, tables.console())


@singledispatch
def screen(result: object, out: Console) -> None:
    """Print one result."""
    raise NotImplementedError(f"no screen for a {type(result).__name__}")


@screen.register
def _(result: RunResult, out: Console) -> None:
    show_run(result, out)


@screen.register
def _(result: RateReport, out: Console) -> None:
    show_rates(result, out)


@screen.register
def _(result: CheckReport, out: Console) -> None:
    lines(out, [signature_line(result.signature)])
    if result.rows:
        counts = [Phrase("screen.rows", split=name, count=count) for name, count in result.rows.items()]
        lines(out, [Phrase("screen.data", counts=counts, evaluations=result.evaluations)])
    out.print()
    tables.stages(out, result.stages)
    out.print()
    tables.proofs(out, result)
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: Versions, out: Console) -> None:
    rows = [
        (str(row.number), tables.word(row.state), _to_the_second(row.created), row.package[:12], row.summary)
        for row in result.versions
    ]
    if rows:
        tables.plain(out, ("version", "state", "made", "package", ""), rows)
    else:
        lines(out, [Phrase("screen.no-version", function=result.function)])
    after(out, (), result.next_steps)


def _to_the_second(moment: str) -> str:
    """Return a moment of ISO 8601 in UTC as people read it."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@screen.register
def _(result: ReleaseResult, out: Console) -> None:
    line = Phrase(
        "screen.release",
        function=result.function,
        version=result.version,
        state=tables.word(result.state),
        strategy=result.strategy,
        previous=result.previous,
    )
    lines(out, [line])
    tables.requirements(out, result.requirements)
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: StatusReport, out: Console) -> None:
    heartbeat = result.heartbeat
    line = Phrase(
        "screen.production",
        function=result.function,
        version=result.version,
        serving=bool(result.serving),
        unknown=result.serving is None,
        gateway=heartbeat.gateway if heartbeat is not None else None,
        age=tables.seconds(heartbeat.age_s)
        if heartbeat is not None and heartbeat.age_s is not None
        else None,
    )
    lines(out, [line])
    tables.status(out, result)
    if result.alerts:
        lines(out, ["", *(Phrase("screen.alert", alert=alert) for alert in result.alerts)])
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: MonitorReport, out: Console) -> None:
    window = format_quantity(result.window_s, Unit.SECONDS)
    lines(out, [Phrase("screen.window", function=result.function, count=result.requests, window=window)])
    tables.requirements(out, result.requirements)
    if result.drift:
        out.print()
        tables.plain(
            out, ("input", "drift"), [(name, f"{score:.3f}") for name, score in result.drift.items()]
        )
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: ShowReport, out: Console) -> None:
    lines(out, [result.title])
    if result.facts:
        out.print()
        tables.plain(out, ("", ""), result.facts)
    if result.text and result.markdown and out.is_terminal:
        from rich.markdown import Markdown  # its parser, only where a card is shown

        out.print()
        out.print(Markdown(result.text, hyperlinks=False))
    elif result.text:  # a file or another program reads the text as it is
        lines(out, ["", *result.text.splitlines()])
    if result.path:
        lines(out, ["", Phrase("screen.path", path=result.path)])


@screen.register
def _(result: DiffReport, out: Console) -> None:
    lines(out, [f"{result.a} → {result.b}", *([result.conclusion] if result.conclusion else [])])
    for heading, rows in result.changes.items():
        lines(out, ["", tables.heading(heading)])
        tables.plain(
            out, ("", result.a, result.b, ""), [(row.what, row.before, row.after, row.note) for row in rows]
        )
    if not any(result.changes.values()):
        lines(out, [Phrase("screen.no-difference")])
    after(out, result.notes, ())


@screen.register
def _(result: RowAnswer, out: Console) -> None:
    rows = []
    for name, answer in result.outputs.items():
        value, confidence = answer.get("value"), answer.get("confidence")
        sure = f"{confidence:.3f}" if confidence is not None else "–"
        # the steps of a forecast stand in a table of their own
        shown = f"({len(value)})" if isinstance(value, list) and "interval" in answer else str(value)
        rows.append((name, str(Phrase("screen.no-answer")) if value is None else shown, sure))
    tables.plain(out, ("output", "value", "confidence"), rows)
    for name, answer in result.outputs.items():
        value, ends = answer.get("value"), answer.get("interval")
        if isinstance(ends, dict) and isinstance(value, list):
            out.print()
            each = zip(value, ends["low"], ends["high"], strict=True)
            numbered = [(str(place), *(f"{one:.6g}" for one in step)) for place, step in enumerate(each, 1)]
            tables.plain(out, ("step", name, "low", "high"), numbered)
        if isinstance(shares := answer.get("probabilities"), dict):
            likely = sorted(shares.items(), key=lambda pair: -pair[1])
            out.print()
            tables.plain(out, (name, "probability"), [(label, f"{share:.3f}") for label, share in likely])
        if isinstance(reasons := answer.get("reasons"), list):
            out.print()
            named = [(one["input"], one["value"], f"{one['share']:+.3f}") for one in reasons]
            tables.plain(out, ("reason", "value", "adds"), named)
    if result.unseen:
        out.print(str(Phrase("screen.unseen", names=list(result.unseen))), markup=False)


@screen.register
def _(result: ExplainReport, out: Console) -> None:
    show_explanation(result, out)


@screen.register
def _(result: JudgeReport, out: Console) -> None:
    line = Phrase(
        "screen.judged",
        version=result.version,
        against=result.against,
        judge=result.judge,
        judged=result.judged,
        skipped=result.skipped,
        left=result.left or None,
    )
    others = [f"{name}: {count}" for name, count in result.by_judge.items() if name != result.judge]
    lines(out, [line, *([Phrase("screen.other-judges", judges=others)] if others else [])])
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: DoctorReport, out: Console) -> None:
    rows = [(row.name, row.state, row.found, row.next_step) for row in result.rows]
    tables.plain(out, ("what", "", "found", "next"), rows)


@screen.register
def _(result: GcReport, out: Console) -> None:
    line = Phrase(
        "screen.freed",
        dry=result.dry_run,
        removed=result.removed,
        freed=tables.size(result.freed_bytes),
        kept=result.kept,
        size=tables.size(result.kept_bytes),
    )
    lines(out, [line])
    after(out, result.notes, ())


@screen.register
def _(result: ExportReport, out: Console) -> None:
    line = Phrase(
        "screen.exported",
        version=result.version,
        package=result.package[:12],
        folder=result.folder,
        size=tables.size(result.size_bytes),
    )
    lines(out, [line])
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: MoveReport, out: Console) -> None:
    line = Phrase(
        "screen.store-moved",
        folder=result.store,
        artifacts=result.artifacts,
        files=result.files,
        size=tables.size(result.size_bytes),
    )
    lines(out, [line])
    after(out, result.notes, result.next_steps)


@screen.register
def _(result: Made, out: Console) -> None:
    lines(out, [Phrase("screen.new", folder=result.folder), *(f"  {name}" for name in result.files)])
    after(out, (), result.next_steps)
