"""One code in the spellings that tables give it: `1` and `1.0`, `true` and `True`.

A data frame turns a column of whole numbers into floats as soon as one of them is missing, and writes truth values
its own way. What stands there is still the same code, as long as the known names leave no doubt: where `1` and
`1.0` are both known (versions of a program, say), each stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Container

# No leading zero (`007` is another code than `7`), and nothing behind the point but zeros (`1.10` is no `1.1`).
_WHOLE = re.compile(r"(?P<whole>-?(?:0|[1-9][0-9]*))(?P<zeros>\.0+)?", re.ASCII)
_TRUTH = frozenset({"true", "false"})
LONGEST = 64  # characters; longer ones are no codes


def known_spelling(name: str, known: Container[str | None]) -> str | None:
    """Return the known name that `name` spells in another way; None for none, or where there are several."""
    found = [other for other in _spellings(name) if other != name and other in known]
    return found[0] if len(found) == 1 else None


def _spellings(name: str) -> tuple[str, ...]:
    if len(name) > LONGEST:
        return ()
    if (read := _WHOLE.fullmatch(name)) is not None:
        return (read["whole"], f"{read['whole']}.0")
    if name.lower() in _TRUTH:
        return (name.lower(), name.capitalize(), name.upper())
    return ()
