"""The screen of `explain`: for each output its inputs, then the parts of each input, those that weigh most first."""

from __future__ import annotations

from rich.console import Console

from modelwright.cli import tables
from modelwright.cli.run_screen import after, lines
from modelwright.core.messages import Phrase
from modelwright.project.explained.explain_report import ExplainedOutput, ExplainReport, InputShare

SHOWN = 15
_LONGEST = 40  # characters of a value


def show_explanation(result: ExplainReport, out: Console) -> None:
    """Print what decides an answer."""
    for place, one in enumerate(result.outputs):
        if place:
            out.print()
        _output(one, result.orders, out)
    if result.picture is not None:
        lines(out, ["", Phrase("screen.path", path=result.picture)])
    after(out, result.notes, ())


def _output(one: ExplainedOutput, orders: int | None, out: Console) -> None:
    value = ", ".join(one.labels) or str(one.value)
    base = one.base if one.chance else f"{one.base:.4g}"
    headline = Phrase(
        "screen.explained", output=one.name, value=value, number=not one.chance, score=one.score, base=base
    )
    lines(out, [headline, "", Phrase("screen.explain-inputs", orders=orders)])
    signed = "{:+.3f}" if one.chance else "{:+.4g}"
    ranked = sorted(one.inputs, key=lambda share: -abs(share.share))
    rows = [_row(share, signed) for share in ranked[:SHOWN]]
    headings = ("input", "value", "left out as", "alone", "contribution", "±")
    kept = len(headings) if orders is not None else len(headings) - 1  # without errors where all is exact
    tables.plain(out, headings[:kept], [row[:kept] for row in rows])
    _more(len(ranked), out)
    for name, parts in one.parts.items():
        lines(out, ["", Phrase("screen.explain-parts", name=name)])
        weighed = sorted(parts, key=lambda part: -abs(part.effect))
        tables.plain(
            out, ("part", "effect"), [(part.name, signed.format(part.effect)) for part in weighed[:SHOWN]]
        )
        _more(len(weighed), out)


def _row(share: InputShare, signed: str) -> tuple[str, ...]:
    error = "" if share.error is None else f"{share.error:.2g}"
    shown = (_shown(text) for text in (share.value_text, share.instead_text))
    return share.name, *shown, signed.format(share.alone), signed.format(share.share), error


def _shown(text: str) -> str:
    if not text:
        return tables.word("missing")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _more(count: int, out: Console) -> None:
    if count > SHOWN:
        lines(out, [Phrase("screen.explain-more", more=count - SHOWN)])
