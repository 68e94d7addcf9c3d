"""Texts as weighted terms: n-grams of words and of characters, TF-IDF (Sparck Jones 1972).

Words are runs of letters and digits, alone and in pairs. Characters are taken within what white space separates, a
space at both ends marking where it begins and ends, two to five at a time; in scripts that write no spaces
(Chinese, Japanese, Korean) one at a time too, for there a character is a word.

A term's weight in a text is (1 + ln count) · idf, idf = ln((1 + n) / (1 + texts with it)) + 1, and words and
characters each have norm 1, so that neither drowns the other.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Array, Dumped
from modelwright.kinds.shared.sealed_state import SealedState

WORDS, CHARACTERS, IDF = "words.txt", "characters.txt", "idf.f32"
MOST_TERMS = 50_000  # of words, and as many of characters
SAMPLE = 50_000  # this many training texts, evenly spaced, decide which terms there are
# In so many texts a term that stands in one alone says nothing of the others.
_ENOUGH_TEXTS = 200
MOST_COUNT = 10_000_000
_LEAST, _MOST = 2, 5  # characters of a term
_WIDE = 0x2E80  # from here on Unicode holds the scripts without spaces (radicals, kana, ideographs, hangul)
_WORD = re.compile(r"\w+")
_DAMPED = np.array([1.0 + math.log(count) for count in range(1, 257)])  # of the counts that texts have
# Of so many parts of texts, none longer than so many characters, the places of their terms are kept: most parts of a
# request are words that others had, too.
_KEPT_PARTS, _KEPT_LENGTH = 20_000, 24


@dataclass(frozen=True)
class TermsState:
    """The terms that training shows, and how rare each is.

    words, characters: sorted by code point; term i of both together has place i + 1. idf: float32, little endian,
    one a term, in their order.
    """

    words: tuple[str, ...] = field(repr=False)
    characters: tuple[str, ...] = field(repr=False)
    idf: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.words) + len(self.characters)

    @cached_property
    def places(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the place of each word term, and of each term of characters."""
        first = {term: place for place, term in enumerate(self.words, 1)}
        second = {term: place for place, term in enumerate(self.characters, 1 + len(self.words))}
        return first, second

    @cached_property
    def of_part(self) -> Callable[[str], tuple[int, ...]]:
        """Return what gives the places of a part's terms of characters, those that training showed; it keeps some."""
        get = self.places[1].get

        def found(part: str) -> tuple[int, ...]:
            return tuple(place for place in map(get, _of_part(part)) if place)

        kept = lru_cache(_KEPT_PARTS)(found)
        return lambda part: kept(part) if len(part) <= _KEPT_LENGTH else found(part)

    @cached_property
    def rarity(self) -> NDArray[np.float64]:
        """Return the idf by place; place 0 has none."""
        return np.concatenate([[0.0], np.frombuffer(self.idf, dtype="<f4")])


class _SealedTerms(SealedState):
    """How many terms each of the two lists has; a longer one is none of ours."""

    form: Literal["terms"]
    words: Annotated[int, Field(ge=0, le=MOST_COUNT)]
    characters: Annotated[int, Field(ge=0, le=MOST_COUNT)]


def fit(values: Sequence[str | None], most_terms: int) -> TermsState:
    """Return the terms of the training texts; of words and of characters those that stand in the most texts."""
    some = [value for value in values[:: math.ceil(len(values) / SAMPLE) or 1] if value]
    least = 2 if len(some) >= _ENOUGH_TEXTS else 1
    texts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for value in some:
        text = value.lower()
        texts[0].update(set(_words(text)))
        texts[1].update(set(_characters(text)))
    words, characters = (_commonest(counts, least, most_terms) for counts in texts)
    found = [*(texts[0][term] for term in words), *(texts[1][term] for term in characters)]
    # + 1 in both: a term of every text keeps a weight, and none is divided by nothing
    idf = np.log((1 + len(some)) / (1 + np.array(found, dtype=np.float64))) + 1
    return TermsState(words, characters, idf.astype("<f4").tobytes())


def encode(values: Sequence[str | None], state: TermsState) -> dict[str, Array]:
    """Return `terms` int64 and `weights` float32, (n, length): a row's own, in the order of their places."""
    rows = [_row(value, state) for value in values]
    longest = max((len(places) for places, _ in rows), default=0) or 1
    terms = np.zeros((len(rows), longest), dtype=np.int64)
    weights = np.zeros((len(rows), longest), dtype=np.float32)
    for row, (places, found) in enumerate(rows):
        terms[row, : len(places)] = places
        weights[row, : len(found)] = found
    return {"terms": terms, "weights": weights}


def unknown_share(values: Sequence[str | None], state: TermsState) -> float:
    """Return which share of the words and characters training never showed."""
    words, characters = state.places
    known = total = 0
    for value in values:
        text = (value or "").lower()
        for terms, places in ((_words(text), words), (_characters(text), characters)):
            for term in terms:
                total += 1
                known += term in places
    return 1 - known / total if total else 0.0


def dump(state: TermsState) -> Dumped:
    """Return how many terms there are as JSON, and the terms as assets, one a line."""
    return Dumped(
        {"form": "terms", "words": len(state.words), "characters": len(state.characters)},
        {WORDS: _lines(state.words), CHARACTERS: _lines(state.characters), IDF: state.idf},
    )


def load(dumped: Dumped) -> TermsState:
    """Read what `dump` returned; raises ValueProblem where the parts do not belong together."""
    sealed = _SealedTerms.read(dumped.data)
    if set(dumped.assets) != {WORDS, CHARACTERS, IDF}:
        raise ValueProblem("state.absurd-assets", wanted=f"{WORDS}, {CHARACTERS}, {IDF}")
    try:
        words, characters = (
            tuple(dumped.assets[name].decode().split("\n")[:-1]) for name in (WORDS, CHARACTERS)
        )
    except UnicodeDecodeError:
        raise ValueProblem("state.bad-terms") from None
    state = TermsState(words, characters, bytes(dumped.assets[IDF]))
    if (len(words), len(characters)) != (sealed.words, sealed.characters) or len(state.idf) != 4 * len(state):
        raise ValueProblem("state.bad-terms")
    # idf is at least 1 by its formula, and of a thousand million texts at most 22
    idf = np.frombuffer(state.idf, dtype="<f4")
    if not ((idf >= 0.5) & (idf <= 100.0)).all():
        raise ValueProblem("state.bad-terms")
    if len(set(words)) < len(words) or len(set(characters)) < len(characters):
        raise ValueProblem("state.bad-terms")
    assert state.rarity is not None  # made now, so that the first request does not wait for them
    assert state.places is not None
    return state


def _row(value: str | None, state: TermsState) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the places of a text's terms, rising, and their weights."""
    text = (value or "").lower()
    found, weights = [], []
    of_words = filter(None, map(state.places[0].get, _words(text)))
    of_characters = itertools.chain.from_iterable(map(state.of_part, text.split()))
    for places in (of_words, of_characters):
        # (terms,) each: the places, rising, and how often each occurs
        own, counts = np.unique(np.fromiter(places, np.int64), return_counts=True)
        raw = _damped(counts) * state.rarity[own]
        # (terms,): each of the two groups has norm 1 where it has any term
        weights.append(raw / (math.sqrt(float(raw @ raw)) or 1.0))
        found.append(own)
    return np.concatenate(found), np.concatenate(weights)


def _damped(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 + ln count, of counts (terms,)."""
    usual = counts.max(initial=1) <= len(_DAMPED)
    return _DAMPED[counts - 1] if usual else 1.0 + np.log(counts)


def _words(text: str) -> Iterator[str]:
    """Yield every word and every pair of neighbours."""
    words = _WORD.findall(text)
    yield from words
    yield from map(" ".join, itertools.pairwise(words))


def _characters(text: str) -> Iterator[str]:
    """Yield the terms of characters."""
    return itertools.chain.from_iterable(map(_of_part, text.split()))


def _of_part(part: str) -> list[str]:
    """Return the terms of characters of what white space separates."""
    padded = f" {part} "
    size = len(padded)
    found = [
        padded[begin : begin + length]
        for length in range(_LEAST, min(_MOST, size) + 1)
        for begin in range(size - length + 1)
    ]
    if not part.isascii():
        found += [character for character in part if ord(character) >= _WIDE]
    return found


def _commonest(counts: Counter[str], least: int, most: int) -> tuple[str, ...]:
    """Return the terms that stand in the most texts, sorted; of equally common ones the first by code point."""
    often = [term for term, count in counts.items() if count >= least]
    if len(often) > most:
        often = sorted(often, key=lambda term: (-counts[term], term))[:most]
    return tuple(sorted(often))


def _lines(terms: Iterable[str]) -> bytes:
    # no term holds a line break: it has been made a space when the text was read
    return "".join(f"{term}\n" for term in terms).encode()
