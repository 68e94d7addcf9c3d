"""The screen of a run, and what all screens end with. Apart from the others, so that a run loads no more."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from modelwright.cli import tables
from modelwright.core.messages import Phrase
from modelwright.project.notes.note_groups import SIGNS, ToDo
from modelwright.project.results.run_result import RunResult

_LONG_SIGNATURE = 1000  # characters; beyond that it would push all else off the screen


def signature_line(signature: str) -> str | Phrase:
    """Return a signature as it is printed: one of very many inputs by their number, as the report has it."""
    name, _, rest = signature.partition("(")
    inputs, arrow, outputs = rest.rpartition(") -> ")
    if len(signature) <= _LONG_SIGNATURE or not arrow:
        return signature
    return Phrase("report.signature", name=name, count=inputs.count(", ") + 1, outputs=outputs)


def show_run(result: RunResult, out: Console) -> None:
    """Print what a run did, its requirements and what to do next."""
    if result.signature is not None:
        lines(out, [signature_line(result.signature), ""])
    tables.stages(out, result.stages)
    tables.search(out, result.search)
    tables.leaderboard(out, result.leaderboard)
    tables.requirements(out, result.requirements)
    package = result.package[:12] if result.package else None
    if result.version is not None or package:
        made = Phrase("screen.made", function=result.function, version=result.version, package=package)
        lines(out, ["", made])
    after(out, result.notes, result.next_steps)


def after(out: Console, notes: Sequence[str], next_steps: Sequence[str]) -> None:
    if notes:
        out.print()
        _notes(out, notes)
    if next_steps:
        lines(out, ["", Phrase("screen.next"), *(f"  {step}" for step in next_steps)])


def _notes(out: Console, notes: Sequence[str]) -> None:
    """Print notes; the warnings among them, which stand below headings with a sign, have its colour."""
    style = ""
    for line in notes:
        if not line.startswith("  "):
            style = next((colour for sign, colour in _COLOURS.items() if line.startswith(sign)), "")
            out.print(
                line, markup=False, soft_wrap=not out.is_terminal, style=f"bold {style}" if style else ""
            )
        else:
            out.print(line, markup=False, soft_wrap=not out.is_terminal, style=style)


_COLOURS = {SIGNS[ToDo.DECIDE]: "yellow", SIGNS[ToDo.KNOW]: "cyan"}


def lines(out: Console, texts: Sequence[object]) -> None:
    for line in texts:
        out.print(str(line), markup=False, soft_wrap=not out.is_terminal)
