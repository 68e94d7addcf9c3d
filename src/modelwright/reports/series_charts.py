"""Draws forecasts as curves beside what came: small charts side by side, each on its own scale."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from markupsafe import Markup

from modelwright.outcomes.contract.blocks import SeriesCurve
from modelwright.reports.svg import SMALL_PX, add, canvas, fit, markup, number, write

WIDTH, HEIGHT, GAP, TOP, LEFT = 210.0, 110.0, 18.0, 18.0, 52.0


def curves(rows: Sequence[SeriesCurve], label: str) -> Markup:
    """Draw each forecast: its interval as a band, its median as a line, the truth as dots joined by a dashed line.

    Each is a drawing of its own: as many stand side by side as the page is wide enough for.
    """
    root = Element("div", {"class": "curves", "role": "group", "aria-label": label})
    for one in rows:
        drawing = canvas(LEFT + WIDTH + GAP, TOP + HEIGHT + GAP + 6, f"{label}, {one.id}")
        _curve(drawing, one, LEFT, TOP)
        root.append(drawing)
    return markup(root)


def _curve(root: Element, one: SeriesCurve, left: float, top: float) -> None:
    known = [*one.low, *one.high, *one.answer, *(value for value in one.truth if value is not None)]
    least, most = min(known), max(known)
    span = (most - least) or 1.0

    def at(step: int, value: float) -> str:
        x = left + WIDTH * (step / max(len(one.answer) - 1, 1))
        return f"{number(x)},{number(top + HEIGHT * (1 - (value - least) / span))}"

    for value, y in ((most, top), (least, top + HEIGHT)):
        add(root, "line", "grid", x1=left, x2=left + WIDTH, y1=y, y2=y)
        write(root, left - 6, y + 4, f"{value:.4g}", "muted", SMALL_PX, "end")
    write(root, left, top - 6, fit(one.id, WIDTH, SMALL_PX), "muted", SMALL_PX)
    there = range(len(one.answer))
    ends = [at(step, one.low[step]) for step in there] + [
        at(step, one.high[step]) for step in reversed(there)
    ]
    add(root, "polygon", "band", points=" ".join(ends))
    middle = ", ".join(f"{value:.4g}" for value in one.answer)
    add(root, "polyline", "curve", middle, points=" ".join(at(step, one.answer[step]) for step in there))
    for run in _runs(one.truth):
        add(root, "polyline", "curve second", points=" ".join(at(step, value) for step, value in run))
        if len(run) == 1:
            across, up = at(*run[0]).split(",")
            add(root, "circle", "point", cx=across, cy=up, r=2.2)


def _runs(truth: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return the steps that are known, those that follow each other together."""
    found: list[list[tuple[int, float]]] = []
    for step, value in enumerate(truth):
        if value is None:
            continue
        if not found or found[-1][-1][0] != step - 1:
            found.append([])
        found[-1].append((step, value))
    return found
