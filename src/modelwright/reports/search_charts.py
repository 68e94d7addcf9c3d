"""Draws what a search tried: the main metric against latency and against size, and a table of the trials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.outcomes.contract.blocks import Grid
from modelwright.reports import drawing
from modelwright.reports.svg import SMALL_PX, add, canvas, markup, nice_ticks, write

WIDTH, HEIGHT, LEFT, TOP = 244.0, 150.0, 50.0, 10.0
MOST_ROWS = 40  # of the table
_SPARE = 1.25  # of the ends of a logarithmic axis
_APART = 1.6


@dataclass(frozen=True)
class TriedSettings:
    """One trial as it is drawn: its number, what was tried in it, and what it showed.

    state: what became of it, worded; misses: the requirements that it does not keep; values: of the main metrics.
    """

    number: int
    learner: str
    settings: str
    values: tuple[float | None, ...]
    latency_s: float | None
    size_bytes: float | None
    state: str
    misses: tuple[str, ...]
    taken: bool


@dataclass(frozen=True)
class TriedSearch:
    """A search as the report shows it.

    metrics: the main metric of each output by name; notes: which trial was taken and why, and which requirements bind;
    bars: where requirements stand, by axis (the metric's name, `latency` or `size`), and whether they bind.
    """

    metrics: tuple[str, ...]
    trials: tuple[TriedSettings, ...]
    notes: tuple[str, ...]
    bars: tuple[tuple[str, float, bool], ...] = ()


def section(search: TriedSearch | None) -> dict[str, object] | None:
    """Return what the template shows of a search, None where there was none."""
    if search is None:
        return None
    left = len(search.trials) - MOST_ROWS
    parts = [
        {
            "name": metric if len(search.metrics) > 1 else "",
            "charts": list(_charts(search, at)),
            "table": None,
        }
        for at, metric in enumerate(search.metrics)
    ]
    return {
        "title": str(Phrase("report.search")),
        "lead": " ".join(search.notes),
        "parts": [*parts, {"name": "", "charts": [], "table": drawing.table(_table(search))}],
        "more": str(Phrase("screen.more-trials", count=left)) if left > 0 else "",
    }


def _charts(search: TriedSearch, at: int) -> Iterator[dict[str, object]]:
    axes = (("latency", Unit.SECONDS), ("size", Unit.BYTES))
    for name, unit in axes:
        points = [
            (one, x, y)
            for one in search.trials
            if (x := one.latency_s if name == "latency" else one.size_bytes) is not None
            and x > 0
            and (y := one.values[at]) is not None
        ]
        if not points:
            continue
        title = str(Phrase("report.search-against", metric=search.metrics[at], size=name == "size"))
        yield {"title": title, "figure": _scatter(points, search, at, name, unit, title), "legend": []}


def _scatter(
    points: Sequence[tuple[TriedSettings, float, float]],
    search: TriedSearch,
    at: int,
    name: str,
    unit: Unit,
    label: str,
) -> Markup:
    """Draw trials as dots, the cost on a logarithmic scale; a ring is the one that was taken, dashed lines are bars."""
    root = canvas(LEFT + WIDTH + 16, TOP + HEIGHT + 26, label)
    bars = {value: binds for axis, value, binds in search.bars if axis == name and value > 0}
    levels = {value: binds for axis, value, binds in search.bars if axis == search.metrics[at]}
    costs, values = [*(x for _, x, _ in points), *bars], [*(y for _, _, y in points), *levels]
    low, high = math.log(min(costs) / _SPARE), math.log(max(costs) * _SPARE)
    margin = 0.08 * (max(values) - min(values)) or max(abs(max(values)), 1.0) * 0.05
    least, most = min(values) - margin, max(values) + margin

    def place(cost: float, value: float) -> tuple[float, float]:
        x = LEFT + (math.log(cost) - low) / (high - low) * WIDTH
        return x, TOP + (most - value) / (most - least) * HEIGHT

    wide = max(costs) > _APART * min(costs)  # else the two figures would lie on each other
    for tick in (min(costs), max(costs)) if wide else (min(costs),):
        x, _ = place(tick, least)
        add(root, "line", "grid", x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT)
        write(root, x, TOP + HEIGHT + 15, format_quantity(tick, unit), "muted", SMALL_PX, "middle")
    for level in nice_ticks(least, most, 4):
        _, y = place(min(costs), level)
        add(root, "line", "grid", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y)
        write(root, LEFT - 6, y + 4, f"{level:.4g}", "muted", SMALL_PX, "end")
    for bar, binds in bars.items():
        x, _ = place(bar, least)
        title = str(Phrase("report.search-bar", value=format_quantity(bar, unit), binds=binds))
        add(root, "line", "limit binds" if binds else "limit", title, x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT)
    for level, binds in levels.items():
        _, y = place(min(costs), level)
        title = str(Phrase("report.search-bar", value=f"{level:.4g}", binds=binds))
        add(root, "line", "limit binds" if binds else "limit", title, x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y)
    for one, cost, value in sorted(points, key=lambda point: point[0].taken):
        x, y = place(cost, value)
        title = f"{one.number}: {one.learner} {one.settings} – {value:.4g}, {format_quantity(cost, unit)}"
        if one.taken:
            add(root, "circle", "ring", cx=x, cy=y, r=7)
        add(root, "circle", "point weak" if one.misses else "point", title, cx=x, cy=y, r=3.5)
    return markup(root)


def _table(search: TriedSearch) -> Grid:
    """Return the trials as a table, the one that was taken first."""
    rows = tuple(
        (
            str(one.number),
            one.learner,
            one.settings,
            *(None if value is None else f"{value:.4g}" for value in one.values),
            None if one.latency_s is None else format_quantity(one.latency_s, Unit.SECONDS),
            None if one.size_bytes is None else format_quantity(one.size_bytes, Unit.BYTES),
            one.state,
        )
        for one in search.trials[:MOST_ROWS]
    )
    names = ("trial", "learner", "settings", *search.metrics, "request", "size", "state")
    headings = tuple(
        name if name in search.metrics else str(Phrase("screen.heading", name=name)) for name in names
    )
    return Grid("", headings, rows)
