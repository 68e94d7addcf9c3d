"""Rows without truths that are made of training rows, for the teacher to answer (Tang et al. 2019, section 3.3).

A student sees far more of what the teacher does than the training rows show of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modelwright.core.signature import Signature

_LEFT_OUT = 0.15  # of the words of a text
_JOINED = 0.3  # of the texts: a part of one, and a part of another
_SWAPPED = 0.25  # of other values: taken from another row


def variants(
    signature: Signature, columns: Mapping[str, Sequence[object]], times: int, seed: int
) -> dict[str, list[object]]:
    """Return so many rows for each, as columns of the inputs; they follow from the arguments alone."""
    names = [one.name for one in signature.inputs]
    count = len(columns[names[0]])
    found: dict[str, list[object]] = {name: [] for name in names}
    for turn in range(times):
        for place, name in enumerate(names):
            draw = np.random.default_rng([seed, turn, place])
            column = columns[name]
            others = draw.integers(0, count, count)
            found[name] += [
                _varied(column[row], column[other], draw) for row, other in enumerate(others.tolist())
            ]
    return found


def _varied(value: object, other: object, draw: np.random.Generator) -> object:
    """Return a value that is near another one: a text with fewer or other words, or the value of another row."""
    if not isinstance(value, str) or len(value.split()) < 2:
        return other if draw.random() < _SWAPPED else value
    words = value.split()
    if isinstance(other, str) and draw.random() < _JOINED:
        words = _part(words, draw) + _part(other.split(), draw)
    kept = [word for word in words if draw.random() >= _LEFT_OUT]
    return " ".join(kept or words)


def _part(words: list[str], draw: np.random.Generator) -> list[str]:
    """Return a run of about half of the words."""
    most = max(1, (len(words) + 1) // 2)
    begin = int(draw.integers(0, len(words) - most + 1)) if words else 0
    return words[begin : begin + most]
