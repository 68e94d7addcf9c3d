"""The words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from modelwright.kinds.contract.explain import Explain, ValuePart
from modelwright.kinds.shared.strings import canonical

MOST_PARTS = 200
# A character of a script without spaces is a word of its own.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W\u3040-\u30ff\u3400-\u9fff]+"
)


class TextExplain(Explain[str]):
    """Words, or characters of Chinese and Japanese; of a long text, groups of words that follow each other."""

    def parts(self, value: str) -> Sequence[ValuePart]:
        """Return the words; of more than MOST_PARTS, groups of as many words each."""
        words = [found.span() for found in _WORD.finditer(value)]
        each = -(-len(words) // MOST_PARTS) or 1
        spans = [
            (words[at][0], words[min(at + each, len(words)) - 1][1]) for at in range(0, len(words), each)
        ]
        return [ValuePart(value[start:end], {"start": start, "end": end}) for start, end in spans]

    def without_each(self, value: str, parts: Sequence[ValuePart], state: Any) -> Iterator[str | None]:
        """Yield the text, and it without each word."""
        yield value
        for part in parts:
            start, end = part.place["start"], part.place["end"]
            assert isinstance(start, int)
            assert isinstance(end, int)
            yield canonical(value[:start] + value[end:], most_characters=len(value)) or None
