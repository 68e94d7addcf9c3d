"""Results as tables that people read: aligned for any script, and readable in a narrow terminal."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from modelwright.core.messages import Phrase, visible
from modelwright.core.units import SYMBOLS, Unit, format_duration, format_quantity
from modelwright.project.results.table_rows import LeaderRow, RequirementRow, StageRow
from modelwright.project.tuning.search_rows import SearchResult, TrialRow, settings_shown

if TYPE_CHECKING:  # a run shows none of these
    from modelwright.project.results.check_report import CheckReport, ProofRow
    from modelwright.project.results.live_results import StatusReport, StatusRow, TrafficRow

WIDE = 120  # columns when the output is no terminal
NARROW = 88  # below this, a requirement takes two lines instead of a table's row

_UNITS = {"s": Unit.SECONDS, "B": Unit.BYTES, "/s": Unit.PER_SECOND, "%": Unit.FRACTION}
_BAR_SYMBOL = re.compile(r"\d\s*([a-zA-Z/%]+)$")
_STYLES = {
    "met": "green", "done": "green", "ok": "green", "cached": "dim", "pending": "cyan", "would run": "cyan",
    "inconclusive": "yellow", "note": "yellow", "unmet": "bold red", "failed": "bold red",
    "missing": "bold red",
}  # fmt: skip


class VisibleConsole(Console):
    """A console on which no text of a user's acts: what cannot be seen in it is written out."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text as it is drawn: every string comes by here, a table's cells too."""
        return super().render_str(visible(text), **options)

    def on_broken_pipe(self) -> None:
        """Leave a reader that has gone to `standard_streams.tolerant`: Rich itself would exit with 1."""
        raise  # noqa: PLE0704 - Rich calls this while it handles the BrokenPipeError


def console(stream: TextIO | None = None) -> Console:
    """Return a console for the stream (stdout); NO_COLOR and COLUMNS are respected."""
    stream = stream or sys.stdout
    shown = VisibleConsole(file=stream, highlight=False, soft_wrap=False)
    if not shown.is_terminal and "COLUMNS" not in shown._environ:
        shown = VisibleConsole(file=stream, highlight=False, soft_wrap=False, width=WIDE)
    return shown


def number(value: float | None, row: RequirementRow) -> str:
    """Return a value in the unit in which its bar is written, so that the two compare at a glance."""
    if value is None:
        return "–"
    unit = _UNITS.get(row.unit, Unit.NUMBER)
    found = _BAR_SYMBOL.search(row.bar)
    symbol = found[1] if found else ""
    if symbol not in SYMBOLS[unit] or not math.isfinite(value):
        return format_quantity(value, unit)
    scaled = value / float(SYMBOLS[unit][symbol])
    shown = f"{scaled:.3f}" if unit is Unit.FRACTION and not symbol else f"{scaled:.3g}"
    return f"{f'{scaled:.0f}' if 'e+' in shown else shown} {symbol}".strip()


def interval(row: RequirementRow) -> str:
    """Return `[low, high]` in the unit of the bar; `exact` where nothing is estimated; a dash without one."""
    if row.low is None or row.high is None:
        return "–"
    if row.low == row.high:
        return str(Phrase("screen.exact"))
    (low, _, symbol), high = number(row.low, row).partition(" "), number(row.high, row)
    shared = symbol == high.partition(" ")[2]
    return f"[{low if shared else number(row.low, row)}, {high}]"


def size(count: int) -> str:
    """Return bytes as people read them."""
    return format_quantity(count, Unit.BYTES)


def seconds(value: float) -> str:
    """Return a duration as people read it."""
    return format_duration(value)


def heading(name: str) -> str:
    """Return the heading of a column or a section, in the reader's language."""
    return str(Phrase("screen.heading", name=name)) if name else ""


def word(name: str) -> str:
    """Return a word that results and JSON say (`met`, `done`, `live`, `would run`), in the reader's language."""
    return str(Phrase("screen.word", word=name))


def requirements(out: Console, rows: Sequence[RequirementRow]) -> None:
    """Print the requirement table: requirement, bar, value, interval, n, verdict, needed."""
    if not rows:
        return
    out.print()
    _records(out, rows) if out.width < NARROW else _as_table(out, rows)
    for row in rows:
        if row.note and row.verdict != "met":
            out.print(
                f"{row.requirement}: {row.note}", style="dim", markup=False, soft_wrap=not out.is_terminal
            )
    if any(map(_is_allowed, rows)):
        out.print(str(Phrase("screen.allowed")), style="dim", markup=False)


def _as_table(out: Console, rows: Sequence[RequirementRow]) -> None:
    table = _table("requirement", "bar", "where", "value", "interval", "n", "verdict", "needed")
    for name in ("value", "n", "needed"):
        _column(table, name).justify = "right"
    for name in ("value", "interval", "verdict"):
        _column(table, name).no_wrap = True
    for row in rows:
        table.add_row(
            escape(row.subject),
            escape(row.bar),
            word(row.phase),
            number(row.value, row),
            escape(interval(row)),
            f"{row.n:,}"
            if row.groups is None
            else str(Phrase("report.in-groups", n=row.n, groups=row.groups)),
            _verdict(row),
            f"{row.needed:,}" if row.needed is not None else "",
        )
    out.print(table)


def stages(out: Console, rows: Sequence[StageRow]) -> None:
    """Print the stages: name, what became of each, seconds, why."""
    table = _table("stage", "", "time", "why")
    table.columns[2].justify = "right"
    for row in rows:
        spent = seconds(row.seconds) if row.seconds else ""
        table.add_row(escape(row.name), _styled(row.status), spent, escape(row.why))
    out.print(table)


def leaderboard(out: Console, rows: Sequence[LeaderRow]) -> None:
    """Print how the learners did that a plan compared, and what each would cost."""
    if not rows:
        return
    out.print()
    table = _table("learner", "validation", "value", "n", "time", "request", "size", "")
    for name in ("value", "n", "time", "request", "size"):
        _column(table, name).justify = "right"
    several = len({row.output for row in rows}) > 1
    for row in rows:
        table.add_row(
            escape(row.learner),
            escape(f"{row.metric}[{row.output}]" if several else row.metric),
            "–" if row.value is None else f"{row.value:.4g}",
            f"{row.n:,}",
            seconds(row.seconds),
            "" if row.latency_s is None else format_quantity(row.latency_s, Unit.SECONDS),
            size(row.package_bytes),
            word("taken") if row.taken else word("as good") if row.alike else "",
        )
    out.print(table)


MOST_TRIALS = 20  # on the screen; all are in the JSON and in the report


def search(out: Console, found: SearchResult | None) -> None:
    """Print the trials of a search, the one that was taken first, each with what it showed and costs."""
    if found is None:
        return
    out.print()
    table = _table("trial", "learner", "settings", *found.main, "request", "size", "time", "")
    for name in (*found.main, "request", "size", "time"):
        _column(table, name).justify = "right"
    for row in found.trials[:MOST_TRIALS]:
        figures = [row.figures.get(name) for name in found.main]
        table.add_row(
            str(row.number),
            escape(row.learner or "–"),
            escape(settings_shown(row)),
            *("–" if value is None else f"{value:.4g}" for value in figures),
            "–" if row.latency_s is None else format_quantity(row.latency_s, Unit.SECONDS),
            "–" if row.size_bytes is None else format_quantity(row.size_bytes, Unit.BYTES),
            "–" if row.learn_seconds is None else seconds(row.learn_seconds),
            _became(row),
        )
    out.print(table)
    if (left := len(found.trials) - MOST_TRIALS) > 0:
        out.print(str(Phrase("screen.more-trials", count=left)), style="dim", markup=False)


def _became(row: TrialRow) -> str:
    if row.state != "done":
        return _styled(row.state) + ("" if row.score is None else f" {row.score:.3g}")
    if row.misses:
        misses = escape(str(Phrase("screen.misses", requirements=[*row.misses])))
        return f"{word('taken')}, {misses}" if row.taken else misses
    return word("taken") if row.taken else ""


def proofs(out: Console, report: CheckReport) -> None:
    """Print what the test set can prove, one line per requirement."""
    table = _table("requirement", "decided by", "rows", "needed", "")
    for name in ("rows", "needed"):
        _column(table, name).justify = "right"
    for row in report.proofs:
        table.add_row(
            escape(row.requirement),
            word(row.phase),
            f"{row.n:,}" if row.n is not None else "",
            f"{row.needed:,}" if row.needed is not None else "",
            _proof(row),
        )
    out.print(table)


def status(out: Console, report: StatusReport) -> None:
    """Print requirement × place, then the traffic by version."""
    places: tuple[tuple[str, Callable[[StatusRow], RequirementRow | None]], ...] = (
        ("test", lambda row: row.test),
        ("package", lambda row: row.package),
        ("canary", lambda row: row.canary),
        ("live", lambda row: row.live),
    )
    used = [(name, cell) for name, cell in places if any(cell(row) for row in report.requirements)]
    if report.requirements:
        table = _table("requirement", "bar", *(name for name, _ in used))
        for row in report.requirements:
            table.add_row(escape(row.subject), escape(row.bar), *(_cell(cell(row)) for _, cell in used))
        out.print()
        out.print(table)
    if report.traffic:
        out.print()
        _traffic(out, report.traffic)


def plain(out: Console, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of texts; a cell that is a known state (`met`, `missing`) has its colour."""
    table = _table(*headings)
    table.show_header = any(headings)
    for row in rows:
        table.add_row(*(_styled(cell) for cell in row))
    out.print(table)


def _traffic(out: Console, rows: Sequence[TrafficRow]) -> None:
    writes = any(row.ttft_p95_s is not None for row in rows)
    more = ("first token p95", "tokens/s") if writes else ()
    table = _table("version", "share", "requests", "rate", "failures", "p95", *more)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        p95, first = ("–" if one is None else f"{one * 1e3:.1f} ms" for one in (row.p95_s, row.ttft_p95_s))
        speed = "–" if row.tokens_per_second is None else f"{row.tokens_per_second:,.1f}"
        rate = f"{row.rate_per_s:.3g} /s"
        table.add_row(
            str(row.version),
            f"{row.share:.0%}",
            f"{row.requests:,}",
            rate,
            f"{row.failures:,}",
            p95,
            *((first, speed) if writes else ()),
        )
    out.print(table)


def _records(out: Console, rows: Sequence[RequirementRow]) -> None:
    for row in rows:
        out.print(f"{escape(row.subject)}  {escape(row.bar)}")
        value = (
            "" if row.value is None else f", {number(row.value, row)} {escape(interval(row))}, n = {row.n:,}"
        )
        needed = f", {Phrase('screen.needs', count=row.needed)}" if row.needed is not None else ""
        out.print(f"  {_verdict(row)} ({word(row.phase)}){value}{needed}")


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in headings:
        table.add_column(heading(name), overflow="fold")
    return table


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.header == heading(name))


def _cell(row: RequirementRow | None) -> str:
    if row is None:
        return ""
    shown = f"{number(row.value, row)} " if row.value is not None else ""
    return f"{shown}{_verdict(row)}" + (f" (n = {row.n:,})" if row.n else "")


def _verdict(row: RequirementRow) -> str:
    return _styled(row.verdict) + ("*" if _is_allowed(row) else "")


def _is_allowed(row: RequirementRow) -> bool:
    return row.allowed and row.verdict == "inconclusive"


def _proof(row: ProofRow) -> str:
    if row.provable is None:
        return escape(row.says)
    style = "green" if row.provable else "yellow"
    found = f"[{style}]{Phrase('screen.proof', possible=row.provable)}[/]"
    return f"{found}{Phrase('list.colon')}{escape(row.says)}" if row.says else found


def _styled(text: str) -> str:
    """Return a state (`met`, `missing`) in its colour and in the reader's language; any other text as it is."""
    style = _STYLES.get(text)
    return f"[{style}]{word(text)}[/]" if style else escape(text)
