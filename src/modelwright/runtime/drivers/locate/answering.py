"""Where a text holds an answer, from what a graph says of every token: whether one begins there, and whether it ends.

Shapes: l tokens of a window, of which the first stands for no answer; k candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.drivers.locate.text_windows import TextTokens, TextWindow

Floats = NDArray[np.float64]
_LONGEST = 40  # tokens of an answer
_ENDS = 20  # the likeliest beginnings and ends of a window, of which candidates are made


def tokens_of(start: int, end: int, tokens: TextTokens) -> tuple[int, int, bool] | None:
    """Return the first and the last token of the characters from start up to end, and whether they have the same ends.

    None where no token has one of these characters.
    """
    inside = np.flatnonzero((tokens.starts < end) & (tokens.ends > start) & (tokens.ends > tokens.starts))
    if not len(inside):
        return None
    first, last = int(inside[0]), int(inside[-1])
    return first, last, bool(tokens.starts[first] == start and tokens.ends[last] == end)


def candidates(
    windows: Sequence[TextWindow], logits: Sequence[Floats], tokens: TextTokens, most: int
) -> list[tuple[int, int, float]]:
    """Return the best places of a text, the best first: start, end, log odds against no answer; logits: (l, 2) each.

    Windows are compared by these odds, since a window's own logits may lie anywhere.
    """
    best: dict[tuple[int, int], float] = {}
    for window, values in zip(windows, logits, strict=True):
        nothing = float(values[0].sum())
        own = values[window.offset : window.offset + window.count]  # (count, 2)
        begins, ends = (_likeliest(own[:, end]) for end in range(2))
        # (b, e): every beginning with every end behind it
        length = ends[None, :] - begins[:, None]
        odds = own[begins, 0][:, None] + own[ends, 1][None, :] - nothing
        for one, other in zip(*np.nonzero((length >= 0) & (length < _LONGEST)), strict=True):
            first, last = window.first + int(begins[one]), window.first + int(ends[other])
            place = int(tokens.starts[first]), int(tokens.ends[last])
            if place[0] < place[1]:
                best[place] = max(best.get(place, -np.inf), float(odds[one, other]))
    ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(*place, score) for place, score in ordered[:most]]


def _likeliest(values: Floats) -> NDArray[np.int64]:
    return np.argsort(-values, kind="stable")[:_ENDS]
