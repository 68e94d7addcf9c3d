"""What the kinds that hold strings share: their canonical forms."""

from __future__ import annotations

import unicodedata

from modelwright.core.messages import ValueProblem


def canonical(text: str, *, most_characters: int) -> str:
    """Return the canonical form of `text`; raises ValueProblem for text too long or with half a character.

    The form is Unicode NFC (Unicode Standard Annex 15), every run of white space, line breaks included, one
    space, and none at the ends. So "What  is\\tit? " and "What is it?" are one value: in training data, in a
    request, and when duplicates are counted. Case, accents and punctuation are left alone.
    """
    return _bounded(" ".join(_composed(text).split()), most_characters)


def as_written(text: str, *, most_characters: int) -> str:
    """Return the canonical form of a text that somebody wrote, or is to write; raises ValueProblem as `canonical` does.

    Line breaks and spaces are part of it (code, verse, lists), but for white space at both ends; a line ends with a
    line feed. Unicode NFC.
    """
    text = _composed(text).replace("\r\n", "\n").replace("\r", "\n")
    return _bounded(text.strip(), most_characters)


def unchanged(text: str, *, most_characters: int) -> str:
    """Return a text as it is; raises ValueProblem as `canonical` does. Places in it are counted in its characters."""
    _composed(text)
    return _bounded(text, most_characters)


def _composed(text: str) -> str:
    """Return a text in NFC; raises ValueProblem for half a character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueProblem("value.half-a-character") from None
    return unicodedata.normalize("NFC", text)


def _bounded(text: str, most_characters: int) -> str:
    if len(text) > most_characters:
        raise ValueProblem("value.too-long", most=most_characters, length=len(text))
    return text
