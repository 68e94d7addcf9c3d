"""Labelled spans from what a graph says of every token, and the tags of tokens from labelled spans.

A tag is one of 1 + 2 · C: 0 outside, 1 + 2 · k the first token of a span of label k, 2 + 2 · k another of it (IOB2,
Tjong Kim Sang and Veenstra 1999). Shapes: t tokens of a text, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.drivers.locate.text_windows import TextTokens, TextWindow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_NEVER = -1e30  # of a tag that cannot follow another


@dataclass(frozen=True)
class FoundSpans:
    """The spans of a text, (m, 3): start, end and label; how likely each is, (m,); and what is least sure of it all."""

    spans: Ints
    scores: Floats
    sure: float


def tags_of(spans: Sequence[tuple[int, int, int]], tokens: TextTokens) -> tuple[Ints, int]:
    """Return the tag of each token, (t,), and how many spans do not end and begin where tokens do.

    spans: start, end and label of each, in order. A token is of the span that it shares a character with.
    """
    found, astray = np.zeros(len(tokens), dtype=np.int64), 0
    for start, end, label in spans:
        inside = np.flatnonzero((tokens.starts < end) & (tokens.ends > start) & (tokens.ends > tokens.starts))
        whole = len(inside) and tokens.starts[inside[0]] == start and tokens.ends[inside[-1]] == end
        astray += not whole
        if len(inside):
            found[inside] = 2 + 2 * label
            found[inside[0]] = 1 + 2 * label
    return found, astray


def of_tokens(windows: Sequence[TextWindow], logits: Sequence[Floats], count: int) -> Floats:
    """Return the logits of each token of a text, (t, tags), from the window that shows most around it.

    logits: of each window, (l, tags).
    """
    columns = logits[0].shape[1]
    found, shown = np.zeros((count, columns)), np.full(count, -1)
    for window, values in zip(windows, logits, strict=True):
        places = np.arange(window.first, window.first + window.count)
        # tokens to the nearer edge of the window; the edges of the text itself hide nothing
        left = np.where(window.first == 0, count, places - window.first)
        right = np.where(
            window.first + window.count == count, count, window.first + window.count - 1 - places
        )
        around = np.minimum(left, right)
        better = around > shown[places]
        own = values[window.offset : window.offset + window.count]
        found[places[better]] = own[better]
        shown[places[better]] = around[better]
    return found


def spans_of(logits: Floats, tokens: TextTokens) -> FoundSpans:
    """Return the spans of the likeliest tags, (t, tags), of which each may follow the one before it (Viterbi 1967)."""
    if not len(logits):
        return FoundSpans(np.zeros((0, 3), np.int64), np.zeros(0), 1.0)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    tags = _likeliest(logs)
    # (t,): the probability of the tag of each token
    likely = np.exp(logs[np.arange(len(tags)), tags])
    spans: list[tuple[int, int, int]] = []
    scores: list[float] = []
    for place, tag in enumerate(tags.tolist()):
        start, end = int(tokens.starts[place]), int(tokens.ends[place])
        if tag == 0 or start >= end:
            continue
        label = (tag - 1) // 2
        if tag % 2 == 0 and spans and spans[-1][2] == label and tags[place - 1] > 0:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), label)
            scores[-1] = min(scores[-1], float(likely[place]))
        elif not spans or start >= spans[-1][1]:
            spans.append((start, end, label))
            scores.append(float(likely[place]))
    found = np.array(spans, dtype=np.int64).reshape(len(spans), 3)
    return FoundSpans(found, np.array(scores), float(likely.min()))


def _likeliest(logs: Floats) -> Ints:
    """Return the likeliest sequence of tags, (t,), in which none continues a span that has not begun."""
    count, tags = logs.shape
    inner = np.arange(2, tags, 2)  # they follow the first tag of their label, or themselves
    score = logs[0].copy()
    score[inner] = _NEVER
    back = np.zeros((count, tags), dtype=np.int64)
    for place in range(1, count):
        best = int(score.argmax())
        back[place] = best
        reached = np.full(tags, score[best])
        back[place, inner] = np.where(score[inner] >= score[inner - 1], inner, inner - 1)
        reached[inner] = np.maximum(score[inner], score[inner - 1])
        score = reached + logs[place]
    found = np.zeros(count, dtype=np.int64)
    found[-1] = int(score.argmax())
    for place in range(count - 1, 0, -1):
        found[place - 1] = back[place, found[place]]
    return found
