"""Draws the report's charts as inline SVG: text stays text, colours come from the page's style sheet.

Every chart is built from an element tree, so that a class called `<script>` cannot become markup. A chart
carries its numbers in `<title>` elements, which a browser shows on hover without any script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.blocks import CurvePoint
from modelwright.reports import wording
from modelwright.reports.svg import (
    FONT_PX,
    SMALL_PX,
    add,
    canvas,
    fit,
    markup,
    nice_ticks,
    number,
    text_width,
    vertical,
    write,
)

_POINTS = 2000
_NAMED_CELLS = 16  # up to this many classes each cell of a confusion matrix shows its count
_LEAST_MATRIX = 0.5  # a confusion matrix shrinks to half its size; beyond that it scrolls


def strip(
    value: float, low: float | None, high: float | None, bar: float | None, verdict: str, label: str
) -> Markup:
    """Draw a measurement against its bar: the interval as a line, the value as a dot, the bar as a tick."""
    width, height, pad = 150.0, 22.0, 10.0
    known = [v for v in (value, low, high, bar) if v is not None and math.isfinite(v)]
    least, most = min(known), max(known)
    span = (most - least) or max(abs(most), 1.0) * 0.1

    def at(v: float) -> float:
        return pad + (v - least) / span * (width - 2 * pad) if most > least else width / 2

    root = canvas(width, height, label)
    add(root, "line", "axis", x1=0, x2=width, y1=height / 2, y2=height / 2)
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        add(root, "line", f"interval {verdict}", x1=at(low), x2=at(high), y1=height / 2, y2=height / 2)
    if bar is not None:
        add(root, "line", "limit", x1=at(bar), x2=at(bar), y1=2, y2=height - 2)
    add(root, "circle", f"dot {verdict}", title=label, cx=at(value), cy=height / 2, r=4)
    return markup(root)


def reliability(bins: Sequence[CurvePoint], label: str) -> Markup:
    """Draw how often answers of each confidence were right; on the diagonal, confidence means what it says.

    Both axes end at 1 and begin at the tenth below the lowest of what is drawn.
    """
    size, left, top = 300.0, 48.0, 10.0
    start = min(math.floor(min((min(b.low, b.confidence) for b in bins), default=0.0) * 10) / 10, 0.9)

    def at(value: float) -> float:
        return (value - start) / (1 - start) * size

    root = canvas(left + size + 14, top + size + 42, label)
    for tick in nice_ticks(start, 1.0):
        x, y = left + at(tick), top + size - at(tick)
        add(root, "line", "grid", x1=x, x2=x, y1=top, y2=top + size)
        add(root, "line", "grid", x1=left, x2=left + size, y1=y, y2=y)
        write(root, x, top + size + 15, f"{tick:g}", "muted", SMALL_PX, "middle")
        write(root, left - 6, y + 4, f"{tick:g}", "muted", SMALL_PX, "end")
    add(root, "line", "diagonal", x1=left, y1=top + size, x2=left + size, y2=top)
    points = [(left + at(b.confidence), top + size - at(b.accuracy), b) for b in bins]
    add(root, "polyline", "curve", points=" ".join(f"{number(x)},{number(y)}" for x, y, _ in points))
    for x, y, b in points:
        low, high = top + size - at(b.low), top + size - at(b.high)
        title = str(
            Phrase("report.curve-point", sure=b.confidence, right=b.accuracy, low=b.low, high=b.high, n=b.n)
        )
        add(root, "path", "whisker", d=f"M{number(x - 3)} {number(low)}h6m-3 0V{number(high)}m-3 0h6")
        add(root, "circle", "dot", title, cx=x, cy=y, r=3.5)
    vertical(root, 10, top + size / 2, wording.word("share that was right"))
    write(root, left + size / 2, top + size + 34, wording.word("confidence"), "muted", SMALL_PX, "middle")
    return markup(root)


def confusion(
    classes: Sequence[str], answers: Sequence[str], counts: NDArray[np.int64], label: str
) -> Markup:
    """Draw a confusion matrix: rows are the truth, columns the answer, shade the share of the row.

    counts: (classes, answers), where the first answers are the classes and further ones none of them. The shade
    is the square root of the share, so that a few wrong answers are seen beside many right ones. Readable up to
    about 80 classes.
    """
    total_rows, total_columns = counts.shape
    cell = min(max(640.0 / total_columns, 11.5), 52.0)
    size = min(FONT_PX, cell - 1.5)
    names = list(answers)
    gutter = min(max(text_width(name, size) for name in names) + 12, 190.0)
    slanted = cell > 1.6 * size  # closer together, slanted names would overlap
    angle, left, top = (-55, gutter + 16, gutter * 0.82 + 18) if slanted else (-90, gutter + 16, gutter + 18)
    right = gutter * 0.6 if slanted else 8
    root = canvas(
        left + cell * total_columns + right, top + cell * total_rows + 8, label, least=_LEAST_MATRIX
    )
    write(root, left + cell * total_columns / 2, 11, wording.word("answer"), "muted", SMALL_PX, "middle")
    vertical(root, 10, top + cell * total_rows / 2, wording.word("truth"))
    for column, name in enumerate(names):
        x, y = left + cell * (column + 0.5) + size * 0.35, top - 6
        turned = write(root, x, y, fit(name, gutter - 8, size), "", size)
        turned.set("transform", f"rotate({angle} {number(x)} {number(y)})")
    add(root, "rect", "plate", x=left, y=top, width=cell * total_columns, height=cell * total_rows)
    sums = counts.sum(axis=1)
    for row in range(total_rows):
        y = top + cell * row
        write(
            root, left - 6, y + cell / 2 + size * 0.35, fit(classes[row], gutter - 8, size), "", size, "end"
        )
        for column in np.flatnonzero(counts[row]).tolist():
            _cell(root, left + cell * column, y, cell, int(counts[row, column]), int(sums[row]),
                  right=column == row, named=total_columns <= _NAMED_CELLS,
                  names=(classes[row], names[column]))  # fmt: skip
    return markup(root)


def _cell(
    root: Element, x: float, y: float, cell: float, count: int, total: int,
    *, right: bool, named: bool, names: tuple[str, str],
) -> None:  # fmt: skip
    share = count / total
    shade = math.sqrt(share)
    title = str(Phrase("report.cell", truth=names[0], answer=names[1], count=count, total=total, share=share))
    gap = 0.5 if cell < 20 else 1
    add(
        root, "rect", "right" if right else "wrong", title,
        x=x + gap, y=y + gap, width=cell - 2 * gap, height=cell - 2 * gap,
        fill_opacity=max(shade, 0.15 if named else 0.4),
    )  # fmt: skip
    if named:
        write(
            root,
            x + cell / 2,
            y + cell / 2 + 4,
            str(count),
            "oncell" if shade > 0.6 else "",
            SMALL_PX,
            "middle",
        )


def histogram(
    samples: NDArray[np.float64],
    marks: Sequence[tuple[str, float]],
    shown: Callable[[float], str],
    label: str,
) -> Markup:
    """Draw how values spread, with marked percentiles; the last bin holds all beyond 1.5 × the last mark."""
    width, height, left, top = 360.0, 130.0, 20.0, 40.0
    most = max(float(marks[-1][1]) * 1.5, 1e-12)
    edges = np.linspace(0.0, most, 61)
    counts, _ = np.histogram(np.minimum(samples, most), bins=edges)
    peak = max(int(counts.max()), 1)
    root = canvas(left + width + 20, top + height + 26, label)
    for tick in nice_ticks(0, most):
        x = left + tick / most * width
        add(root, "line", "grid", x1=x, x2=x, y1=top, y2=top + height)
        write(root, x, top + height + 15, shown(tick), "muted", SMALL_PX, "middle")
    for index, count in enumerate(counts.tolist()):
        if not count:
            continue
        x, tall = left + index / len(counts) * width, max(count / peak * height, 1)
        low, high = shown(edges[index]), shown(edges[index + 1])
        title = str(Phrase("report.bin", low=low, high=high, count=count, total=len(samples)))
        add(
            root,
            "rect",
            "bar",
            title,
            x=x + 0.5,
            y=top + height - tall,
            width=width / len(counts) - 1,
            height=tall,
        )
    for index, (name, value) in enumerate(marks):
        x, y = left + value / most * width, 12 + 11 * (index % 3)
        add(root, "line", "limit", x1=x, x2=x, y1=y + 2, y2=top + height)
        write(root, x + 4, y + 2, f"{name} {shown(value)}", "", SMALL_PX)
    return markup(root)


def scatter(truth: NDArray[np.float64], predicted: NDArray[np.float64], label: str) -> Markup:
    """Draw answers against truths; at most 2,000 points, evenly spaced over the rows."""
    size, left, top = 320.0, 62.0, 10.0
    keep = np.linspace(0, len(truth) - 1, min(len(truth), _POINTS)).astype(np.int64)
    truth, predicted = truth[keep], predicted[keep]
    finite = np.isfinite(truth) & np.isfinite(predicted)
    truth, predicted = truth[finite], predicted[finite]
    low = float(min(truth.min(), predicted.min())) if len(truth) else 0.0
    high = float(max(truth.max(), predicted.max())) if len(truth) else 1.0
    span = (high - low) or 1.0
    root = canvas(left + size + 16, top + size + 40, label)
    for tick in nice_ticks(low, high):
        x, y = left + (tick - low) / span * size, top + (1 - (tick - low) / span) * size
        add(root, "line", "grid", x1=x, x2=x, y1=top, y2=top + size)
        add(root, "line", "grid", x1=left, x2=left + size, y1=y, y2=y)
        write(root, x, top + size + 14, f"{tick:g}", "muted", SMALL_PX, "middle")
        write(root, left - 6, y + 4, f"{tick:g}", "muted", SMALL_PX, "end")
    add(root, "line", "diagonal", x1=left, y1=top + size, x2=left + size, y2=top)
    for t, p in zip(truth.tolist(), predicted.tolist(), strict=True):
        add(
            root,
            "circle",
            "point",
            cx=left + (t - low) / span * size,
            cy=top + (1 - (p - low) / span) * size,
            r=2.2,
        )
    write(root, left + size / 2, top + size + 32, wording.word("truth"), "muted", SMALL_PX, "middle")
    vertical(root, 10, top + size / 2, wording.word("answer"))
    return markup(root)
