"""A series as a small drawing: a line for each channel, broken where there are gaps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from modelwright.core.picture import Picture
from modelwright.kinds.timeseries.window import TimeWindow

_WIDTH, _HEIGHT = 240, 60  # of the picture, in pixels
_LINES = 192  # pixels that the lines take; the rest is for two numbers
_MARGIN = 4.0  # above and below, so that no stroke is cut
_COLOURS = ("#5b7db1", "#c2703d", "#4f9d69", "#a8609f")  # seen on light and on dark pages
_GREY = "#7d8590"
_MOST_CHANNELS = 8  # of more nobody tells the lines apart

Point = tuple[float, float]
"""A place from the left, in pixels, and a number; NaN where there is none."""


def drawn(window: TimeWindow) -> Picture | None:
    """Return the picture of a series; None of one with more than `_MOST_CHANNELS`.

    One channel has its highest and its lowest number beside it. Of several each has a scale of its own: temperature
    and pressure are both seen. Where there are more steps than pixels, each piece of time is drawn from its first
    number over its lowest and its highest to its last, so that no peak is lost.
    """
    if window.channels > _MOST_CHANNELS:
        return None
    parts = []
    for place in range(window.channels):
        numbers = window.flat[place :: window.channels]
        path = _path(numbers)
        if path:
            parts.append(f'<path stroke="{_COLOURS[place % len(_COLOURS)]}" d="{path}"/>')
    labels = _labels(window.flat) if window.channels == 1 else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<g fill="none" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round">{"".join(parts)}</g>'
        f"{labels}</svg>"
    )
    return Picture.of("image/svg+xml", svg.encode(), _WIDTH, _HEIGHT)


def _path(numbers: Sequence[float]) -> str:
    """Return the line through numbers, with a new beginning after each gap; empty where there is no number."""
    there = [one for one in numbers if not math.isnan(one)]
    if not there:
        return ""
    # divided first: the range of huge numbers would overflow
    most = max(map(abs, there)) or 1.0
    low, high = min(there) / most, max(there) / most
    words, is_on = [], False
    for x, number in _points(numbers):
        if math.isnan(number):
            is_on = False
            continue
        share = (number / most - low) / (high - low) if high > low else 0.5  # a flat series in the middle
        y = _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)
        words.append(f"{'L' if is_on else 'M'}{x:.1f} {y:.1f}")
        if not is_on:
            words.append("h0")  # a number between two gaps is a point
        is_on = True
    return "".join(words)


def _points(numbers: Sequence[float]) -> Iterator[Point]:
    """Yield the points of a line from the left to the right."""
    pieces = min(len(numbers), _LINES)
    wide = _LINES - 2 * _MARGIN
    for piece in range(pieces):
        x = _MARGIN + (wide * piece / (pieces - 1) if pieces > 1 else wide / 2)
        inside = numbers[piece * len(numbers) // pieces : (piece + 1) * len(numbers) // pieces]
        there = [one for one in inside if not math.isnan(one)]
        if not there:
            yield x, math.nan
            continue
        low, high = min(there), max(there)
        for number in dict.fromkeys((there[0], low, high, there[-1])):
            yield x, number


def _labels(numbers: Sequence[float]) -> str:
    there = [one for one in numbers if not math.isnan(one)]
    ends = dict.fromkeys((f"{max(there):.3g}", f"{min(there):.3g}"))
    places = (11.0, _HEIGHT - 3.0) if len(ends) > 1 else (_HEIGHT / 2 + 3,)
    return "".join(
        f'<text x="{_LINES + 2}" y="{y:g}" font-family="sans-serif" font-size="10" fill="{_GREY}">{escape(end)}</text>'
        for end, y in zip(ends, places, strict=True)
    )
