"""Words of a text in any script, as the figures compare them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A character of Chinese, Japanese or Thai is a word of its own: these scripts put no spaces between words, and a whole
# sentence would be one word that is right or wrong. (`rouge-score` drops all but Latin letters and digits.)
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\U00020000-\U0003ffff]|[^\W_]+"
)

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


def split(text: str) -> list[str]:
    """Return a text in pieces that join to it: words, and what stands between them."""
    return [piece for piece in re.split(r"(\s+)", text) if piece] if text.count(" ") else list(text)
