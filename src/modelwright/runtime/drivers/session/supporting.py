"""Which sentences of a reply stand in the passages that it cites, as far as words tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelwright.outcomes.text_words import sentences, words

STANDING = 0.75
"""The share of a sentence's telling words that a passage has, from which on the sentence stands in it."""
_SHORT = 3  # letters of a word that mostly binds others together: "the", "is", "you"

Stands = Callable[[str, Sequence[str]], bool]


def unsupported(reply: str, passages: Sequence[str], stands: Stands) -> list[str]:
    """Return the sentences of a reply that stand in none of the passages; one without a word says nothing."""
    return [one for one in sentences(reply) if words(one) and not stands(one, passages)]


def stands_by_words(sentence: str, passages: Sequence[str]) -> bool:
    """Tell whether one of the passages has most of a sentence's telling words, and every number among them.

    Telling are words of more than three letters, characters of scripts without white space, and numbers; a sentence
    without any counts all of its words.
    """
    spoken = set(words(sentence))
    telling = {one for one in spoken if len(one) > _SHORT or not one.isascii() or _is_number(one)} or spoken
    numbers = {one for one in telling if _is_number(one)}
    for passage in passages:
        known = set(words(passage))
        if numbers <= known and len(telling & known) >= STANDING * len(telling):
            return True
    return False


def _is_number(word: str) -> bool:
    return any(one.isdigit() for one in word)
