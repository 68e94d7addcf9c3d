"""The sentences of a passage that say most of what was asked: a reply that is a quotation says nothing of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from modelwright.outcomes.text_words import sentences
from modelwright.runtime.searching.search_terms import terms

# Of the first sentence, as a share of what a sentence with every term of the question would have: an answer mostly
# begins with what it comes to, and where nothing else speaks for a sentence, its place does.
_FIRST = 0.25


def quoted(question: str, passages: Sequence[str], most: int) -> list[str]:
    """Return at most so many sentences of the first passage, in their order.

    A sentence counts the terms that it shares with the question, each by how rare it is among the sentences of all
    passages that were found: what all of them say tells none from another.
    """
    own = sentences(passages[0])
    if len(own) <= most:
        return own
    every = [set(terms(one)) for passage in passages for one in sentences(passage)]
    often = Counter(term for one in every for term in one)
    wanted = {term: math.log1p(len(every) / often[term]) for term in set(terms(question)) if often[term]}
    total = sum(wanted.values()) or 1.0
    # (sentences,): what each has of the question's terms, 0 to 1
    scores = [sum(wanted.get(term, 0.0) for term in set(terms(one))) / total for one in own]
    scores[0] += _FIRST
    chosen = sorted(range(len(own)), key=lambda place: (-scores[place], place))[:most]
    return [own[place] for place in sorted(chosen)]
