"""Draws how learning went: losses, error, rate and gradient by step, and a table of fits made one after another.

A file of its own shows a learning-rate range test: the loss over the rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from modelwright.core import figure_words
from modelwright.core.messages import Phrase
from modelwright.core.progress import LEARNING_RATE, LOSS, VALIDATION_LOSS
from modelwright.outcomes.contract.blocks import Cell, Grid
from modelwright.reports import drawing
from modelwright.reports.line_charts import STYLES
from modelwright.reports.svg import (
    SMALL_PX,
    add,
    canvas,
    document,
    markup,
    nice_ticks,
    number,
    vertical,
    write,
)
from modelwright.storage.formats.learning_curves import Learning, LearningCurve, LearningCurves

WIDTH, HEIGHT, LEFT, TOP = 244.0, 150.0, 50.0, 10.0
MOST_PARTS = 6  # that are drawn; further ones are counted
_FITS = "fit"


def section(curves: LearningCurves | None) -> dict[str, object] | None:
    """Return what the template shows of how learning went, None where nothing was recorded."""
    shown = [one for one in (curves.learned if curves is not None else ()) if one.curves]
    if not shown:
        return None
    return {
        "title": str(Phrase("report.learned")),
        "lead": str(Phrase("report.learned-lead")),
        "parts": [_part(one) for one in shown[:MOST_PARTS]],
        "more": str(Phrase("report.learned-more", count=len(shown) - MOST_PARTS))
        if len(shown) > MOST_PARTS
        else "",
    }


def _part(one: Learning) -> dict[str, object]:
    fits = one.unit == _FITS
    return {
        "name": one.of or "",
        "charts": [] if fits else list(_charts(one)),
        "table": drawing.table(_fits(one)) if fits else None,
    }


def _charts(one: Learning) -> Iterator[dict[str, object]]:
    """Yield the losses in one chart, and each other figure in one of its own."""
    both = [found for name in (LOSS, VALIDATION_LOSS) if (found := one.curve(name)) is not None]
    names = figure_words.in_order([curve.figure for curve in one.curves if curve not in both])
    others = [found for name in names if (found := one.curve(name)) is not None]
    for drawn in [both, *([curve] for curve in others)]:
        if not drawn:
            continue
        title = _title(drawn[0]) if len(drawn) == 1 else str(Phrase("report.learned-loss"))
        legend = [(_style(curve), _title(curve)) for curve in drawn] if len(drawn) > 1 else []
        label = f"{one.of}: {title}" if one.of else title
        yield {"title": title, "figure": _lines(drawn, one, label), "legend": legend}


def _unit(one: Learning) -> str:
    return str(Phrase("report.learned-unit", rounds=one.unit == "round", fits=one.unit == _FITS))


def _title(curve: LearningCurve) -> str:
    return figure_words.long_word(curve.figure)


def _style(curve: LearningCurve) -> str:
    return STYLES[curve.figure == VALIDATION_LOSS]


def _lines(curves: Sequence[LearningCurve], one: Learning, label: str) -> Markup:
    """Draw curves over the steps; a dashed upright line is the step that was kept."""
    root = canvas(LEFT + WIDTH + 16, TOP + HEIGHT + 42, label)
    values = [value for curve in curves for value in curve.values]
    least, most = min(values), max(values)
    if most <= least:
        least, most = least - (abs(least) or 1.0) / 2, most + (abs(most) or 1.0) / 2
    last = max(curve.steps[-1] for curve in one.curves)

    def at(step: int, value: float) -> tuple[float, float]:
        return LEFT + step / last * WIDTH, TOP + (most - value) / (most - least) * HEIGHT

    for tick in nice_ticks(0, last, 4):
        x, _ = at(int(tick), least)
        add(root, "line", "grid", x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT)
        write(root, x, TOP + HEIGHT + 15, f"{int(tick):,}", "muted", SMALL_PX, "middle")
    for tick in nice_ticks(least, most, 4):
        _, y = at(0, tick)
        add(root, "line", "grid", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y)
        write(root, LEFT - 6, y + 4, f"{tick:.4g}", "muted", SMALL_PX, "end")
    if one.kept is not None:
        x, _ = at(min(one.kept, last), least)
        title = str(Phrase("report.learned-kept", step=one.kept))
        add(root, "line", "limit", title, x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT)
    for curve in curves:
        points = [at(step, value) for step, value in zip(curve.steps, curve.values, strict=True)]
        title = f"{_title(curve)}: {curve.values[0]:.4g} … {curve.values[-1]:.4g}"
        if len(points) == 1:
            add(root, "circle", "point", title, cx=points[0][0], cy=points[0][1], r=3)
        else:
            placed = " ".join(f"{number(x)},{number(y)}" for x, y in points)
            add(root, "polyline", _style(curve), title, points=placed)
    unit = _unit(one)
    write(root, LEFT + WIDTH / 2, TOP + HEIGHT + 34, unit, "muted", SMALL_PX, "middle")
    return markup(root)


def _fits(one: Learning) -> Grid:
    """Return the fits as a table, in the order in which they were made."""
    steps = sorted({step for curve in one.curves for step in curve.steps})
    columns = [dict(zip(curve.steps, curve.values, strict=True)) for curve in one.curves]
    rows: list[tuple[Cell, ...]] = []
    for step in steps:
        kept = "✓" if step == one.kept else ""
        figures = [f"{column[step]:.4g}" if step in column else None for column in columns]
        rows.append((f"{step} {kept}".strip(), *figures))
    headings = (_unit(one), *map(_title, one.curves))
    return Grid("", headings, tuple(rows))


def rate_test(
    points: Sequence[tuple[float, float, float]], proposed: float | None, title: str, style: str
) -> str:
    """Return a learning-rate range test as an SVG file: the loss over the rate, on a logarithmic scale.

    points: rate, loss of a batch there, and the mean around it, by rising rate; proposed: the rate at the upright line.
    What blew up in the end is drawn at the upper edge, as it would press all that fell into one line.
    """
    width, height, left, top = 480.0, 280.0, 56.0, 30.0
    root = canvas(left + width + 16, top + height + 42, title)
    write(root, left, 18, title)
    rates, _, smoothed = zip(*points, strict=True) if points else ((1e-6, 1.0), (), (0.0, 1.0))
    # of the mean's first half, in which nothing has blown up yet
    most, least = max(smoothed[: max(2, len(smoothed) // 2)]), min(smoothed)
    most += (most - least) / 4 or 1.0
    first, last = math.log10(rates[0]), max(math.log10(rates[-1]), math.log10(rates[0]) + 1e-9)

    def at(rate: float, loss: float) -> tuple[float, float]:
        share = (most - min(max(loss, least), most)) / (most - least)
        return left + (math.log10(rate) - first) / (last - first) * width, top + share * height

    for power in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1):
        x, _ = at(10.0**power, least)
        add(root, "line", "grid", x1=x, x2=x, y1=top, y2=top + height)
        write(root, x, top + height + 15, f"1e{power}", "muted", SMALL_PX, "middle")
    for tick in nice_ticks(least, most):
        _, y = at(rates[0], tick)
        add(root, "line", "grid", x1=left, x2=left + width, y1=y, y2=y)
        write(root, left - 6, y + 4, f"{tick:.4g}", "muted", SMALL_PX, "end")
    for rate, loss, _ in points:
        x, y = at(rate, loss)
        add(root, "circle", "point", f"{rate:.3g}: {loss:.4g}", cx=x, cy=y, r=2)
    placed = " ".join(",".join(map(number, at(rate, mean))) for rate, _, mean in points)
    add(root, "polyline", STYLES[0], points=placed)
    if proposed is not None:
        x, _ = at(proposed, least)
        add(root, "line", "limit", f"{proposed:g}", x1=x, x2=x, y1=top, y2=top + height)
        write(root, x + 4, top + 12, f"{proposed:g}", "", SMALL_PX)
    write(
        root,
        left + width / 2,
        top + height + 34,
        figure_words.long_word(LEARNING_RATE),
        "muted",
        SMALL_PX,
        "middle",
    )
    vertical(root, 10, top + height / 2, figure_words.long_word(LOSS))
    return document(root, style)
