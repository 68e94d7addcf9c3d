"""The terms of a text by which it is found: words, and in scripts that write no spaces characters and their pairs.

A dictionary of words is not needed for Chinese: pairs of neighbouring characters find about as well as words do, and
single characters find what a pair misses (Nie et al. 2000, "On the use of words and n-grams for Chinese information
retrieval").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

# kana, ideographs, hangul: scripts in which white space does not part words, or parts more than one
_WIDE = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
_PARTS = re.compile(rf"[{_WIDE}]+|[^\W{_WIDE}]+")


def terms(text: str) -> Iterator[str]:
    """Yield the terms of a text, one that occurs twice twice."""
    for found in _PARTS.findall(text.lower()):
        if found[0] < "\u3040":
            yield found
            continue
        yield from found
        for left, right in pairwise(found):
            yield left + right
