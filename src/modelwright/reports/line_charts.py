"""Draws charts of lines: what thresholds would give, ROC, precision and recall."""

from __future__ import annotations

from markupsafe import Markup

from modelwright.outcomes.contract.blocks import LineChart, Trace
from modelwright.reports.svg import SMALL_PX, add, canvas, markup, nice_ticks, number, vertical, write

SIZE, LEFT, TOP = 250.0, 44.0, 10.0
STYLES = ("curve", "curve second")


def lines(block: LineChart, label: str) -> Markup:
    """Draw lines in a square, each named at its end; a mark is a dot that says its place."""
    root = canvas(LEFT + SIZE + 16, TOP + SIZE + 42, label)
    for tick in nice_ticks(0.0, 1.0):
        x = LEFT + tick * SIZE
        add(root, "line", "grid", x1=x, x2=x, y1=TOP, y2=TOP + SIZE)
        write(root, x, TOP + SIZE + 15, f"{tick:g}", "muted", SMALL_PX, "middle")
    for tick in nice_ticks(0.0, block.top):
        y = TOP + (1 - tick / block.top) * SIZE
        add(root, "line", "grid", x1=LEFT, x2=LEFT + SIZE, y1=y, y2=y)
        write(root, LEFT - 6, y + 4, f"{tick:g}", "muted", SMALL_PX, "end")
    if block.diagonal:
        add(root, "line", "diagonal", x1=LEFT, y1=TOP + SIZE, x2=LEFT + SIZE, y2=TOP)
    for place, line in enumerate(block.lines):
        points = [
            (LEFT + x * SIZE, TOP + (1 - y / block.top) * SIZE) for x, y in zip(line.x, line.y, strict=True)
        ]
        add(
            root,
            "polyline",
            STYLES[place % len(STYLES)],
            points=" ".join(f"{number(x)},{number(y)}" for x, y in points),
        )
        if line.mark is not None:
            x, y = line.mark
            title = f"{block.across} {x:.3f}, {block.up} {y:.3f}"
            add(root, "circle", "dot", title, cx=LEFT + x * SIZE, cy=TOP + (1 - y / block.top) * SIZE, r=5)
    vertical(root, 10, TOP + SIZE / 2, block.up)
    write(root, LEFT + SIZE / 2, TOP + SIZE + 34, block.across, "muted", SMALL_PX, "middle")
    return markup(root)


def legend(shown: tuple[Trace, ...]) -> list[tuple[str, str]]:
    """Return (class of the style sheet, name) of each line that has a name."""
    return [(STYLES[place % len(STYLES)], line.name) for place, line in enumerate(shown) if line.name]
