"""What comes from outside, as it is shown: nothing in it moves a cursor, turns a line round, or cannot be seen."""

from __future__ import annotations

import json
import re

# Controls (but for a line's end and a tab), soft hyphens, zero-width characters, marks of direction, other ends of a
# line, surrogates, tags. Marks that can be seen, such as those of Arabic numbers, stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Return a text with what cannot be seen in it written as Python writes it: `\\x1b`, `\\u202e`.

    Done once, where a text is shown (a terminal, a log, a page); doing it again changes nothing.
    """
    return _UNSEEN.sub(_written, text)


def visible_json(text: str) -> str:
    """Return JSON that says the same, with what cannot be seen in its strings written as `\\u202e`."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _written(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
