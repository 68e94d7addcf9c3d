"""Texts that name a thing and are no numbers, although digits stand in them: 007, B-12, a UUID."""

from __future__ import annotations

import re

_CODE = re.compile(r"\S*[0-9]\S*", re.ASCII)
_LEADING_ZERO = re.compile(r"0[0-9]+", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def is_code(text: str) -> bool:
    """Tell whether a text is one word with a digit."""
    return _CODE.fullmatch(text) is not None


def has_leading_zero(cell: object) -> bool:
    """Tell whether a cell is a text of digits that begins with a zero, as codes do and numbers do not: 007."""
    return isinstance(cell, str) and _LEADING_ZERO.fullmatch(cell.strip()) is not None


def is_digits(cell: object) -> bool:
    """Tell whether a cell is a text of digits alone."""
    return isinstance(cell, str) and _DIGITS.fullmatch(cell.strip()) is not None
