"""What the kinds that hold strings share: one canonical form, and how a finding quotes what was found."""

from __future__ import annotations

import unicodedata

from modelwright.core.messages import ValueProblem

SHOWN_CHARACTERS = 60


def shown(raw: object) -> str:
    """Return `raw` for a message: its JSON type and a short quotation."""
    match raw:
        case None:
            return "nothing"
        case bool():
            return f"the truth value {str(raw).lower()}"
        case str():
            cut = raw if len(raw) <= SHOWN_CHARACTERS else f"{raw[:SHOWN_CHARACTERS]}…"
            return f"the text {cut!r}"
        case int() if (
            raw.bit_length() > 200
        ):  # str() of a huge integer is slow, and refused beyond 4,300 digits
            return f"an integer of {raw.bit_length()} bits"
        case int() | float():
            return f"the number {raw!r}"
        case _:
            return f"a {type(raw).__name__}"


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
