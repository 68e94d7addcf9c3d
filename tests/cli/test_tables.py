"""What people read: the tables, in any script and any width."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from modelwright.cli.run_screen import after
from modelwright.cli.screens import screen
from modelwright.cli.tables import console, interval, number
from modelwright.core.messages import Problem
from modelwright.project.explained.explain_report import (
    ExplainedOutput,
    ExplainReport,
    InputShare,
    PartShare,
)
from modelwright.project.results.check_report import CheckReport, ProofRow
from modelwright.project.results.history_results import (
    ChangeRow,
    DiffReport,
    ReleaseResult,
    VersionRow,
    Versions,
)
from modelwright.project.results.live_results import (
    Heartbeat,
    MonitorReport,
    RowAnswer,
    StatusReport,
    StatusRow,
    TrafficRow,
)
from modelwright.project.results.machine_results import DoctorReport, DoctorRow, GcReport
from modelwright.project.results.run_result import RunResult
from modelwright.project.results.show_report import ShowReport
from modelwright.project.results.table_rows import RequirementRow, StageRow


def row(subject, bar, phase, value, low, high, n, verdict, **more):
    return RequirementRow(f"{subject} {bar}", subject, bar, phase, value, low, high, n, verdict, **more)


ACCURACY = row("accuracy", ">= 0.97", "test", 0.9815, 0.974, 0.987, 2000, "met", unit="%")
RECALL = row(
    "recall[医疗保险]",
    ">= 0.90",
    "test",
    0.91,
    0.82,
    0.96,
    83,
    "inconclusive",
    needed=412,
    unit="%",
    allowed=True,
)
LATENCY = row("latency_p95", "<= 15 ms", "package", 0.00213, 0.0020, 0.0024, 1000, "met", unit="s")
SIZE = row("size", "<= 60 MB", "package", 91_300_000.0, 91_300_000.0, 91_300_000.0, 1, "unmet", unit="B")
FAILURES = row("failure_rate", "<= 0.1 %", "live", None, None, None, 0, "pending", unit="%")
CHAMPION = row("accuracy", ">= champion - 0.01", "test", 0.98, 0.97, 0.99, 2000, "met", unit="%")
ROWS = (ACCURACY, RECALL, LATENCY, SIZE, FAILURES)

RUN = RunResult(
    "route",
    3,
    "ab12" * 16,
    (StageRow("data", "cached", 0.0), StageRow("learn", "done", 95.2, "`learn.seed` 0 → 1")),
    ROWS,
    ("`size` is unmet: the smallest package so far had 91.3 MB",),
    ("package: {compress: int8}",),
)
SCREENS = {
    "run": RUN,
    "check": CheckReport(
        "route",
        "route(question: text) -> domain: category",
        (StageRow("data", "cached", 0.0), StageRow("learn", "would run", 0.0, "new")),
        (
            ProofRow("accuracy >= 0.97", "test", True, 2000, 800),
            ProofRow("recall[[x]] >= 0.9", "test", False, 17, 300, "17 rows of that class"),
            ProofRow("size <= 60 MB", "package", None),
        ),
        {"train": 12889, "test": 2000},
        2,
        next_steps=("modelwright run",),
    ),
    "versions": Versions(
        "route", (VersionRow(2, "cd" * 32, "ef" * 32, "2025-01-02T03:04:05Z", "live", "0.98"),)
    ),
    "no-versions": Versions("route", (), ("modelwright run",)),
    "release": ReleaseResult("route", 2, 1, "direct", "released", (ACCURACY,)),
    "status": StatusReport(
        "route",
        2,
        (
            StatusRow("accuracy >= 0.97", "accuracy", ">= 0.97", test=ACCURACY),
            StatusRow("failure_rate <= 0.1 %", "failure_rate", "<= 0.1 %", live=FAILURES),
        ),
        (TrafficRow(2, 1.0, 120, 0.5, 1, 0.0031),),
        ("latency_p95 is unmet",),
        heartbeat=Heartbeat("here, process 12", 1.2, True),
        serving=True,
    ),
    "monitor": MonitorReport("route", 2, 3600.0, 120, (FAILURES,), {"question": 0.031}),
    "show": ShowReport("version 2", (("package", "ab12"),), "# Model card\n[not markup]", "/x/CARD.md"),
    "diff": DiffReport("1", "2", {"settings": (ChangeRow("learn.seed", "0", "1"),)}),
    "no-diff": DiffReport("1", "2", {}),
    "answer": RowAnswer(2, {"domain": {"value": "medicare", "confidence": 0.97}, "r": {"value": None}}),
    "explain": ExplainReport(
        "route",
        2,
        (
            ExplainedOutput(
                "domain",
                "medicare",
                True,
                ("medicare",),
                0.97,
                0.2,
                (
                    InputShare("question", "x", None, 0.7, 0.8, 0.01, "does [it] cover " * 4, ""),
                    InputShare("age", 3.0, 4.0, 0.0, -0.03, 0.02, "3", "4"),
                ),
                {"question": tuple(PartShare(f"w{n}", {}, n / 100) for n in range(20))},
            ),
            ExplainedOutput(
                "price", 3.5, False, (), 3.5, 2.25, (InputShare("age", 3.0, 4.0, 1.25, 1.25, None, "3", "4"),)
            ),
        ),
        100,
        42,
        picture="heat.png",
    ),
    "doctor": DoctorReport((DoctorRow("torch", "missing", "none", "pip install 'modelwright[learn]'"),)),
    "gc": GcReport(3, 59_200_000, 7, 1_200_000_000),
}


def shown(result, width=100):
    out = io.StringIO()
    screen(result, Console(file=out, width=width, highlight=False, color_system=None))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("name", SCREENS)
def test_every_screen(name, gold):
    gold(f"cli/{name}.txt", shown(SCREENS[name]))


@pytest.mark.parametrize(
    ("version", "heartbeat", "serving", "line"),
    [
        (2, Heartbeat("here", 1.0, True), True, "route: version 2 in production"),
        (2, Heartbeat("here", 10_810.0, False), False,
         "route: version 2 released, not serving: the last gateway was seen 3 h ago"),
        (2, Heartbeat("here", None, False), False,
         "route: version 2 released, not serving: the last gateway, here, was seen before the clock was set back"),
        (2, None, False, "route: version 2 released, not serving: no gateway ever ran"),
        (2, None, None, "route: version 2 released; whether a gateway serves it is not recorded"),
        (None, Heartbeat("here", 1.0, True), False, "route: nothing released yet"),
        (None, None, None, "route: nothing released yet"),
    ],
)  # fmt: skip
def test_the_headline_says_in_production_only_where_a_gateway_serves(version, heartbeat, serving, line):
    report = StatusReport("route", version, (), heartbeat=heartbeat, serving=serving)
    assert shown(report, width=200).splitlines()[0].startswith(line)
    assert ("in production" in shown(report)) == line.endswith("in production")


def test_the_traffic_of_a_function_that_writes_says_how_soon_and_how_fast():
    rows = (TrafficRow(2, 0.9, 120, 0.5, 1, 2.1, 0.31, 48.2), TrafficRow(3, 0.1, 4, 0.1, 0))
    said = shown(StatusReport("reply", 2, (), rows))
    assert "first token p95" in said
    assert "310.0 ms" in said
    assert "48.2" in said
    assert "first token" not in shown(StatusReport("reply", 2, (), rows[1:]))


def test_a_narrow_terminal_shows_records_that_fit(gold):
    text = shown(RUN, width=50)
    table, _, _ = text.partition("\nroute:")
    assert max(map(cell_len, table.splitlines())) <= 50
    gold("cli/run-narrow.txt", text)


def test_wide_characters_align():
    lines = [line for line in shown(RUN).splitlines() if ">= 0.9" in line]
    assert len(lines) == 2
    assert len({cell_len(line[: line.index(">=")]) for line in lines}) == 1


@pytest.mark.parametrize(
    ("one", "value", "between"),
    [
        (ACCURACY, "0.982", "[0.974, 0.987]"),
        (LATENCY, "2.13 ms", "[2, 2.4 ms]"),
        (SIZE, "91.3 MB", "exact"),
        (FAILURES, "–", "–"),
        (CHAMPION, "0.980", "[0.970, 0.990]"),
        (row("rmse", "<= 2500", "test", 123456.0, 999.0, 1e7, 5, "unmet"), "123456", "[999, 10000000]"),
        (row("f", "<= 0.1 %", "live", 0.0005, 0.0, 0.01, 5, "met", unit="%"), "0.05 %", "[0, 1 %]"),
        (
            row("l", "<= champion", "package", 0.5, 0.0009, 1.5, 5, "met", unit="s"),
            "500 ms",
            "[900 us, 1.5 s]",
        ),
    ],
)
def test_values_stand_in_the_unit_of_their_bar(one, value, between):
    assert number(one.value, one) == value
    assert interval(one) == between


def test_no_color_and_no_terminal_give_plain_text(monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    plain = console(out)
    screen(RUN, plain)
    assert "\x1b" not in out.getvalue()
    assert plain.width == 120


def test_no_color_is_respected_on_a_terminal(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich's way to say that a stream is a terminal
    out = io.StringIO()
    screen(RUN, console(out))
    assert "\x1b[32m" not in out.getvalue()


def test_exit_codes_follow_from_the_rows():
    def code(*rows, problems=()):
        return RunResult("f", None, None, (), rows, problems=problems).exit_code

    assert code(ACCURACY, RECALL, FAILURES) == 0, (
        "an allowed inconclusive and a pending row hold nothing back"
    )
    assert code(ACCURACY, SIZE) == 3
    assert code(SIZE, problems=(Problem("machine.memory"),)) == 1
    assert MonitorReport("f", 1, 1.0, 0, (RECALL,), {}).exit_code == 0
    assert MonitorReport("f", 1, 1.0, 0, (SIZE,), {}).exit_code == 3


CARD = "# a card\n\n| metric | value |\n|---|---|\n| accuracy | 0.9 |\n\n[red]plain[/red]"


def test_a_card_is_rendered_in_a_terminal_and_plain_elsewhere():
    shown = ShowReport("card of version 1", text=CARD, markdown=True)
    terminal = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    screen(shown, terminal)
    text = terminal.file.getvalue()
    assert "|---|" not in text
    assert "accuracy" in text
    assert "[red]plain[/red]" in text, "a user's text is no markup of the terminal"
    pipe = Console(file=io.StringIO(), width=60)
    screen(shown, pipe)
    assert "| accuracy | 0.9 |" in pipe.file.getvalue()


def test_a_comparison_begins_with_its_conclusion():
    out = Console(file=io.StringIO(), width=120)
    screen(DiffReport("version 1", "version 2", {}, conclusion="version 2 is better on accuracy"), out)
    assert out.file.getvalue().splitlines()[1] == "version 2 is better on accuracy"


def test_warnings_stand_out_from_notes_by_a_sign_and_a_colour():
    notes = (
        "plan: trees",
        "! To decide (1):",
        "  data: a is odd",
        "* Good to know (1):",
        "  b",
        "package: p",
    )
    out = io.StringIO()
    after(
        Console(file=out, width=100, highlight=False, force_terminal=True, color_system="standard"), notes, ()
    )
    lines = out.getvalue().splitlines()
    coloured = {line: bool(re.search(r"\x1b\[[\d;]*3[36]m", line)) for line in lines if line}
    assert list(coloured.values()) == [False, True, True, True, True, False]
    plain = io.StringIO()
    after(Console(file=plain, width=100, highlight=False, color_system=None), notes, ())
    assert plain.getvalue().splitlines() == ["", *notes], "without colours the sign is left"
