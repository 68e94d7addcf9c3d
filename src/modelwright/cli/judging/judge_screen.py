"""Pairs in the terminal: two answers side by side, their differences marked, and a key for what is better."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.table import Table
from rich.text import Text

from modelwright.cli import tables
from modelwright.core.messages import Phrase, visible
from modelwright.outcomes.text_words import Pieces, marked
from modelwright.project.judging.blind_comparison import LEFT, RIGHT, SKIP, TIE, BlindComparison, Shown

_QUIT = "quit"
_KEYS = {
    "l": LEFT, "1": LEFT, "left": LEFT,
    "r": RIGHT, "2": RIGHT, "right": RIGHT,
    "t": TIE, "0": TIE, "tie": TIE,
    "s": SKIP, "skip": SKIP,
    "q": _QUIT, "quit": _QUIT,
}  # fmt: skip
_DIFFERS = "bold underline"


def judge_all(comparison: BlindComparison, stream: TextIO | None = None) -> None:
    """Show pair after pair until there is none left, or until the judge quits (q, Ctrl-D, Ctrl-C).

    stream: where pairs are shown (stdout). What was said of the pairs before is kept, whatever ends it.
    """
    stream = stream or sys.stdout
    while (shown := comparison.upcoming()) is not None:
        _show(shown, stream)
        choice = _choice(stream)
        if choice == _QUIT:
            return
        comparison.take(shown, choice)


def judge_in_browser(comparison: BlindComparison) -> None:
    """Show pairs on a page; its address is said on stderr."""
    from modelwright.project.judging.judge_page import serve  # with libraries that the terminal does not need

    serve(comparison, lambda url: print(Phrase("judge.page-at", url=url), file=sys.stderr, flush=True))


def _show(shown: Shown, stream: TextIO) -> None:
    out = tables.console(stream)
    out.rule(Text(str(Phrase("judge.row", number=shown.number, of=shown.of))))
    for name, text in shown.pair.inputs.items():
        out.print(Text.assemble((f"{name}: ", "dim"), visible(text)))
    sides = Table(expand=True, show_lines=False)
    for heading in (Phrase("judge.left"), Phrase("judge.right")):
        sides.add_column(str(heading), ratio=1, overflow="fold")
    sides.add_row(*map(_text, marked(shown.left, shown.right)))
    out.print(sides)


def _text(pieces: Pieces) -> Text:
    return Text.assemble(*((visible(text), "" if is_common else _DIFFERS) for text, is_common in pieces))


def _choice(stream: TextIO) -> str:
    """Return what the judge says; anything else is asked again."""
    while True:
        stream.write(f"{Phrase('judge.keys')} ")
        stream.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            line = ""
        if not line:
            stream.write("\n")
            return _QUIT
        choice = _KEYS.get(line.strip().lower())
        if choice is not None:
            return choice
        if line.strip():
            stream.write(f"{Phrase('judge.no-key', text=visible(line.strip()[:20]))}\n")
