"""Words of a text in any script, as the figures compare them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

# A character of Chinese, Japanese or Thai is a word of its own: these scripts put no spaces between words, and a whole
# sentence would be one word that is right or wrong. (`rouge-score` drops all but Latin letters and digits.)
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\U00020000-\U0003ffff]|[^\W_]+"
)

COMPARED_PIECES = 800  # of a text: comparing takes the square of it
Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether it stands in the text beside it, too."""

# A sentence ends with its mark and white space, unless what follows begins small, as behind "e.g."; or with a line.
_BETWEEN = re.compile(r"(?<=[.!?…])\s+(?=[^\sa-z])|(?<=[。！？])\s*(?=[^\s”」』）])|\s*\n\s*")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, in any script; none is empty."""
    return [one for one in _BETWEEN.split(text.strip()) if one]


def stands_in(words_of: Sequence[str], others: Sequence[str]) -> bool:
    """Tell whether words stand among others, next to each other and in their order; no words stand everywhere."""
    some, every = " ".join(words_of), " ".join(others)
    return not words_of or f" {some} " in f" {every} "


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def laid_out(text: str, *, is_object: bool) -> str:
    """Return a text as people read it: of the text of an object, a value a line; anything else as it is."""
    if not is_object:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:  # an answer that a person gave, and that is no object
        return text


def split(text: str) -> list[str]:
    """Return a text in pieces that join to it: words, and what stands between them."""
    return [piece for piece in re.split(r"(\s+)", text) if piece] if text.count(" ") else list(text)


def marked(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Return both texts in pieces, each with whether it stands in the other one too, in the same order."""
    pieces = split(one), split(other)
    sides: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    compared = [each[:COMPARED_PIECES] for each in pieces]
    matcher = SequenceMatcher(None, compared[0], compared[1], autojunk=False)
    for sort, begin, end, from_, to in matcher.get_opcodes():
        for side, found in zip(sides, (pieces[0][begin:end], pieces[1][from_:to]), strict=True):
            if found:
                side.append(("".join(found), sort == "equal"))
    for side, every in zip(sides, pieces, strict=True):
        if every[COMPARED_PIECES:]:
            side.append(("".join(every[COMPARED_PIECES:]), True))
    return tuple(sides[0]), tuple(sides[1])
