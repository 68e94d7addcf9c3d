"""What the kinds that hold strings share: one canonical form."""

from __future__ import annotations

import unicodedata

from modelwright.core.messages import ValueProblem


def canonical(text: str, *, most_characters: int) -> str:
    """Return the canonical form of `text`; raises ValueProblem for text too long or with half a character.

    The form is Unicode NFC (Unicode Standard Annex 15), every run of white space, line breaks included, one
    space, and none at the ends. So "What  is\\tit? " and "What is it?" are one value: in training data, in a
    request, and when duplicates are counted. Case, accents and punctuation are left alone.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueProblem("value.half-a-character") from None
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.split())
    if len(text) > most_characters:
        raise ValueProblem("value.too-long", most=most_characters, length=len(text))
    return text
