"""Numbers and texts of users as a report shows them."""

from __future__ import annotations

import math

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import Notice, Phrase, visible
from modelwright.core.units import Unit, format_quantity

DASH = "–"
MINUS = "−"
# A cell that begins so is a formula to a spreadsheet that opens or is pasted the page (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

_MADE = ("made from", "holds", "version of")  # how the names of what a package is made of begin
_LICENCE = "licence: "


def figure(value: float | None, unit: Unit) -> str:
    """Return a value in base units as people read it; a fraction has three digits, to line up."""
    if value is None or math.isnan(value):
        return DASH
    if unit is Unit.FRACTION and (round(value, 6) in (0, 1) or 0.0005 <= abs(value) < 0.9995):
        text = f"{value:.3f}"
    else:
        text = format_quantity(value, unit)
    return text.replace("-", MINUS) if value < 0 else text


def interval(measurement: Measurement, unit: Unit) -> str:
    """Return the interval in brackets, or a dash where there is none."""
    low, high = measurement.low, measurement.high
    if low is None and high is None:
        return DASH
    if measurement.method == "exact":
        return word("exact")
    open_low, open_high = ("−∞" if low is None else ""), ("∞" if high is None else "")
    return f"[{open_low or figure(low, unit)}, {open_high or figure(high, unit)}]"


def with_interval(measurement: Measurement, unit: Unit) -> str:
    """Return `0.913 [0.871, 0.944], n = 412`."""
    if measurement.value is None:
        return word("not measured")
    shown = interval(measurement, unit)
    return (
        f"{figure(measurement.value, unit)}{'' if shown == DASH else ' ' + shown}, n = {sample(measurement)}"
    )


def word(name: str) -> str:
    """Return a short word of our own (`exact`, `train`) in the reader's language; another stays as it is."""
    return str(Phrase("report.word", word=name))


def made(name: str, value: str) -> tuple[str, str]:
    """Return of what a package is made as a reader sees it; `name` begins as `evaluate` seals it, in English."""
    sort = next((start for start in _MADE if name.startswith(start)), None)
    rest = name if sort is None else name.removeprefix(sort).lstrip(": ")
    licence = value.removeprefix(_LICENCE)
    shown = str(Phrase("report.licence", licence=licence)) if value.startswith(_LICENCE) else value
    return str(Phrase("report.made", sort=sort, name=rest)), shown


def load(rate: str | None) -> str:
    """Say how requests arrived: at a rate (`50 /s`), or one at a time."""
    return str(Phrase("report.one-at-a-time") if rate is None else Phrase("report.load", rate=rate))


def notice(warning: Notice) -> str:
    """Return a warning as a sentence, with its next step where it has one."""
    step = f": {warning.next_step}" if warning.next_step else ""
    text = f"{warning.found}{step}"
    whole = f"{text[:1].upper()}{text[1:]}"
    return (
        whole
        if text.endswith((".", "!", "?", "。", "！", "？"))
        else str(Phrase("report.sentence", text=whole))
    )


def count(number: int) -> str:
    """Return a count with thousands separated."""
    return f"{number:,}"


def safe(text: str) -> str:
    """Return a user's text that no spreadsheet takes for a formula; the template escapes markup."""
    flat = "".join(c if c.isprintable() or c == " " else " " for c in visible(text))
    return f"'{flat}" if flat.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else flat


def quoted(text: str) -> str:
    """Return a user's text in quotation marks, which also keeps a spreadsheet from reading a formula."""
    flat = "".join(c if c.isprintable() else " " for c in visible(text))
    return f"“{flat}”" if text else word("(missing)")


def markdown(text: str) -> str:
    """Return a text for one line of Markdown: no markup of it, HTML or Markdown, takes effect."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]|#!~" else c for c in flat)


def method(name: str) -> str:
    """Return in a sentence how an interval was made, or the method's own name."""
    return str(Phrase("report.method", method=name))


def sample(measurement: Measurement) -> str:
    """Return what a measurement rests on: rows, and the groups that they come in where these are independent."""
    if measurement.groups is None:
        return count(measurement.n)
    return str(Phrase("report.in-groups", n=measurement.n, groups=measurement.groups))
