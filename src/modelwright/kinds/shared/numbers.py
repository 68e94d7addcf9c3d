"""How a text reads as a number."""

from __future__ import annotations

import re

# Narrower than float(): no "nan", no "infinity", no "1_000". A decimal comma is not guessed at: "1,234" may
# be a thousand or a fraction.
NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?"
_NUMBER = re.compile(NUMBER, re.ASCII | re.IGNORECASE)


def read_number(text: str) -> float | None:
    """Return the number that a text is, white space around it aside (infinite if it is huge); None for none."""
    stripped = text.strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else None
