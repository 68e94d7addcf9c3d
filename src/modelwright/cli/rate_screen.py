"""The screen of `learn --find-rate`: the loss over the rate, in characters, and the lines that it proposes."""

from __future__ import annotations

import math

from rich.console import Console

from modelwright.cli.run_screen import lines
from modelwright.core.messages import Phrase
from modelwright.project.rates.rate_report import RateReport

WIDTH, HEIGHT = 64, 14


def show_rates(result: RateReport, out: Console) -> None:
    """Print the range test."""
    lines(out, [Phrase("screen.rates", learner=result.learner), ""])
    lines(out, chart(result))
    lines(out, ["", *result.notes()])
    if result.settings:
        lines(out, ["", *(f"  {line}" for line in result.lines())])


def chart(result: RateReport) -> list[str]:
    """Return the lines of the chart, none wider than 80: `.` a batch, `*` the mean around it, `|` the proposed rate."""
    if len(result.points) < 2:
        return []
    # what blew up would press all that fell into one line
    top = max(one.smoothed for one in result.points[: max(2, len(result.points) // 2)])
    low = min(one.smoothed for one in result.points)
    top += 0.25 * (top - low) or 1.0
    first, last = (math.log10(result.points[place].rate) for place in (0, -1))
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]

    def column(rate: float) -> int:
        return round((math.log10(rate) - first) / (last - first) * (WIDTH - 1))

    def row(loss: float) -> int:
        return round((top - min(max(loss, low), top)) / (top - low) * (HEIGHT - 1))

    if result.rate is not None:
        for line in cells:
            line[column(result.rate)] = "|"
    for sign in ".*":
        for one in result.points:
            cells[row(one.loss if sign == "." else one.smoothed)][column(one.rate)] = sign
    labels = {0: f"{top:.4g}", HEIGHT - 1: f"{low:.4g}"}
    drawn = [f"{labels.get(place, ''):>10} {''.join(line)}".rstrip() for place, line in enumerate(cells)]
    ticks = [" "] * (WIDTH + 6)
    for power in range(math.ceil(first), math.floor(last) + 1):
        ticks[column(10.0**power) : column(10.0**power) + 5] = f"1e{power}".ljust(5)
    return [*drawn, " " * 11 + "-" * WIDTH, (" " * 11 + "".join(ticks)).rstrip()]
