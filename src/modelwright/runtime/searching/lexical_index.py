"""Passages by their words: BM25 (Robertson and Zaragoza 2009, "The probabilistic relevance framework", section 3).

What a term adds to the score of a passage is known before any question is: idf · tf · (k₁ + 1) / (tf + k₁ · (1 - b +
b · length / mean length)). So a search adds up the weights of the question's terms, and no more.

Shapes: N passages, T terms, P pairs of a term and a passage that has it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress, Silent
from modelwright.runtime.searching.ranked_places import Places, Scores, above_nothing
from modelwright.runtime.searching.search_terms import terms

_SHOWN = 1000  # passages between two signs of progress
K1, B = 1.2, 0.75  # of the paper's section 3.5: what does well on most collections
TERMS, STARTS, PLACES, WEIGHTS = (
    "lexical/terms.txt",
    "lexical/starts.i64",
    "lexical/places.i32",
    "lexical/weights.f32",
)
FILES = (TERMS, STARTS, PLACES, WEIGHTS)


class DamagedIndexError(ValueError):
    """Files of an index that do not belong together."""


@dataclass(frozen=True)
class LexicalIndex:
    """The terms, sorted; where each begins among the pairs, (T + 1,); the place and the weight of each pair, (P,)."""

    words: Sequence[str]
    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    weights: NDArray[np.float32]
    passages: int

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Return the number of each term."""
        return {word: number for number, word in enumerate(self.words)}

    def scores(self, text: str) -> Scores:
        """Return the score of every passage, (N,)."""
        found, _ = self.weighed(text)
        return found

    def weighed(self, text: str) -> tuple[Scores, float]:
        """Return the score of every passage, (N,), and the most that one could have: of each term the heaviest."""
        found, most = np.zeros(self.passages, dtype=np.float32), 0.0
        for word, times in Counter(terms(text)).items():
            number = self.numbers.get(word)
            if number is not None:
                pairs = slice(int(self.starts[number]), int(self.starts[number + 1]))
                weights = times * self.weights[pairs]
                # a passage stands once among the pairs of a term, so that no sum is lost
                found[self.places[pairs]] += weights
                most += float(weights.max(initial=0.0))
        return found, most

    def search(self, text: str, k: int) -> tuple[Places, Scores]:
        """Return at most k places of passages that share a term with the text, the best first, and their scores."""
        return above_nothing(self.scores(text), k)

    def files(self) -> dict[str, bytes]:
        """Return the files of the index by name; equal passages give equal bytes."""
        return {
            TERMS: "".join(f"{word}\n" for word in self.words).encode(),
            STARTS: self.starts.astype("<i8").tobytes(),
            PLACES: self.places.astype("<i4").tobytes(),
            WEIGHTS: self.weights.astype("<f4").tobytes(),
        }

    @classmethod
    def of_files(cls, files: Mapping[str, bytes | memoryview], passages: int) -> LexicalIndex:
        """Read what `files` returned, mapped where it is; raises DamagedIndexError."""
        try:
            words = bytes(files[TERMS]).decode().split("\n")[:-1]
            starts = np.frombuffer(files[STARTS], dtype="<i8")
            places = np.frombuffer(files[PLACES], dtype="<i4")
            weights = np.frombuffer(files[WEIGHTS], dtype="<f4")
        except (KeyError, ValueError) as error:
            raise DamagedIndexError(str(error)) from None
        sound = (
            len(starts) == len(words) + 1
            and starts[0] == 0
            and bool((np.diff(starts) >= 0).all())
            and starts[-1] == len(places) == len(weights)
            and (not len(places) or (int(places.min()) >= 0 and int(places.max()) < passages))
            and bool(np.isfinite(weights).all())
        )
        if not sound:
            raise DamagedIndexError("the parts of the index of words are not of one index")
        return cls(words, starts, places, weights, passages)


def build(passages: Sequence[str], progress: Progress | None = None) -> LexicalIndex:
    """Return the index of passages, whose places are their order."""
    postings: dict[str, tuple[list[int], list[int]]] = {}
    lengths = np.zeros(len(passages), dtype=np.float64)
    with (progress or Silent()).task(str(Phrase("work.indexing-words")), len(passages)) as task:
        for place, passage in enumerate(passages):
            counts = Counter(terms(passage))
            lengths[place] = counts.total()
            for word, count in counts.items():
                where, often = postings.setdefault(word, ([], []))
                where.append(place)
                often.append(count)
            if place % _SHOWN == _SHOWN - 1:
                task.advance(_SHOWN)
    words = sorted(postings)
    # (N,): what the length of a passage adds to the denominator
    normal = K1 * (1 - B + B * lengths / max(float(lengths.mean()) if len(lengths) else 0.0, 1.0))
    starts = np.zeros(len(words) + 1, dtype=np.int64)
    places, weights = [], []
    for number, word in enumerate(words):
        in_places, counted = (np.array(one, dtype=np.int64) for one in postings[word])
        starts[number + 1] = starts[number] + len(in_places)
        # never below 0, as Lucene has it: ln(1 + (N - df + 0.5) / (df + 0.5))
        idf = math.log(1 + (len(passages) - len(in_places) + 0.5) / (len(in_places) + 0.5))
        places.append(in_places.astype(np.int32))
        weights.append((idf * counted * (K1 + 1) / (counted + normal[in_places])).astype(np.float32))
    empty = np.zeros(0)
    return LexicalIndex(
        words,
        starts,
        np.concatenate([empty.astype(np.int32), *places]),
        np.concatenate([empty.astype(np.float32), *weights]),
        len(passages),
    )
