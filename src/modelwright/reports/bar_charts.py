"""Draws bars of values with their intervals, as wide as the page: names and figures stay text, and wrap on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # only builds trees here; it never parses what others wrote

from markupsafe import Markup

from modelwright.reports.svg import add, markup, number

_HEIGHT = 20.0
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class DrawnBar:
    """One bar: its label, a value in [0, 1] with its interval, n, and what stands right of it."""

    label: str
    value: float
    low: float | None
    high: float | None
    note: str
    strong: bool = True


def bars(rows: Sequence[DrawnBar], label: str, *, scaled: bool = True) -> Markup:
    """Draw horizontal bars of values in [0, 1] with intervals as whiskers; `scaled` shows the scale.

    Each row is a name, a drawing that is stretched to the width left, and a figure; the page's style sheet sets the
    figure beside the name where the page is narrow.
    """
    root = ET.Element("div", {"class": "bars", "role": "group", "aria-label": label})
    for row in rows:
        add(root, "span", "label").text = row.label
        _drawn(root, row, scaled=scaled)
        add(root, "span", "figure").text = row.note
    if scaled:
        scale = add(root, "span", "scale muted", aria_hidden="true")
        for tick in _TICKS:
            add(scale, "span", style=f"left: {number(100 * tick)}%").text = f"{tick:g}"
    return markup(root)


def _drawn(parent: ET.Element, row: DrawnBar, *, scaled: bool) -> None:
    """Add a bar in a drawing of which x runs from 0 to 100, however wide it is shown."""
    middle = _HEIGHT / 2
    root = add(parent, "svg", "track", viewBox=f"0 0 100 {number(_HEIGHT)}", height=_HEIGHT, width="100%",
               preserveAspectRatio="none", aria_hidden="true")  # fmt: skip
    for tick in _TICKS if scaled else ():
        add(root, "line", "grid", x1=100 * tick, x2=100 * tick, y1=0, y2=_HEIGHT)
    add(
        root, "rect", "bar" if row.strong else "bar weak", f"{row.label}: {row.note}",
        x=0, y=middle - 6, width=max(row.value, 0) * 100, height=12,
    )  # fmt: skip
    if row.low is not None and row.high is not None:
        low, high = number(100 * row.low), number(100 * row.high)
        ends = f"M{low} {number(middle - 4)}v8M{high} {number(middle - 4)}v8"
        add(root, "path", "whisker", d=f"{ends}M{low} {number(middle)}H{high}")
