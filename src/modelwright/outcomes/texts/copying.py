"""How much of what is written stands word by word in a training row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.core.spacing import evenly_spaced
from modelwright.outcomes.text_words import words

LEAST_WORDS = 8  # a shorter run is a turn of phrase
MOST_SOURCES = 100_000  # training rows, evenly spaced, that are looked into


def longest_runs(answers: Sequence[str], sources: Sequence[str]) -> NDArray[np.float64]:
    """Return of each answer (n,) how many words its longest run has that stands in a source too; 0 below LEAST_WORDS.

    Runs of eight words that overlap in seven are taken for one run of the same source.
    """
    wanted: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    spoken = [words(one) for one in answers]
    for row, one in enumerate(spoken):
        for place in range(len(one) - LEAST_WORDS + 1):
            wanted.setdefault(tuple(one[place : place + LEAST_WORDS]), []).append((row, place))
    met = [np.zeros(max(len(one) - LEAST_WORDS + 1, 0), dtype=np.bool_) for one in spoken]
    for place in evenly_spaced(len(sources), MOST_SOURCES).tolist() if wanted else ():
        of_source = words(sources[place])
        for at in range(len(of_source) - LEAST_WORDS + 1):
            for row, where in wanted.get(tuple(of_source[at : at + LEAST_WORDS]), ()):
                met[row][where] = True
    return np.array([_longest(one) for one in met], dtype=np.float64)


def _longest(met: NDArray[np.bool_]) -> int:
    """Return the words of the longest run of places (m,) that were met, each of which begins LEAST_WORDS words."""
    # ends of runs: where a 1 follows a 0, and where a 0 follows a 1
    edges = np.flatnonzero(np.diff(np.concatenate([[0], met.astype(np.int8), [0]])))
    runs = edges[1::2] - edges[::2]
    return int(runs.max()) + LEAST_WORDS - 1 if len(runs) else 0
