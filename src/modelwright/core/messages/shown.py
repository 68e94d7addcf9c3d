"""Any value as a message shows it: what sort of value, and a short quotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelwright.core.messages.message import Phrase

MOST_CHARACTERS = 60
_MOST_KEYS = 5
_MOST_BITS = 200  # str() of a huge integer is slow, and refused beyond 4,300 digits


def shown(value: object) -> Phrase:
    """Return `the text 'abc'`, `the number 3`, `a list of 2`, …, in the reader's language."""
    match value:
        case None:
            found = Phrase("shown.value", form="nothing")
        case bool():
            found = Phrase("shown.value", form="truth", quoted=str(value).lower())
        case str():
            cut = value if len(value) <= MOST_CHARACTERS else f"{value[:MOST_CHARACTERS]}…"
            found = Phrase("shown.value", form="quotation" if value else "blank", quoted=repr(cut))
        case int() if value.bit_length() > _MOST_BITS:
            found = Phrase("shown.value", form="huge", count=value.bit_length())
        case int() | float():
            found = Phrase("shown.value", form="numeral", quoted=repr(value))
        case Mapping():
            keys = [str(key) for key in list(value)[:_MOST_KEYS]]
            found = Phrase("shown.value", form="mapping" if keys else "empty-mapping", names=keys)
        case Sequence() if not isinstance(value, bytes | bytearray):
            found = Phrase("shown.value", form="sequence", count=len(value))
        case _:
            found = Phrase("shown.value", quoted=type(value).__name__)
    return found
