"""Values as YAML that a message proposes: whatever a name holds, the line reads back as it."""

from __future__ import annotations

import re

# Plain words that no reader of YAML 1.1 or 1.2 takes for something else; all others are quoted.
_PLAIN = re.compile(r"[^\W\d_](?:[\w.-]*\w)?")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_ALL_LINES = 1 << 30  # characters: a proposal stays on one line


def scalar(value: object) -> str:
    """Return a text as a scalar for a flow mapping or list, quoted where it must be; a number as such."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """Return a text in double quotes, as the YAML writer escapes it."""
    import yaml  # only where a line is proposed

    written: str = yaml.dump(
        text, Dumper=yaml.SafeDumper, default_style='"', width=_ALL_LINES, allow_unicode=True
    )
    return written.rstrip("\n")
