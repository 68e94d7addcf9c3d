"""A line of the project file that a message proposes, as YAML that reads back."""

from __future__ import annotations

import unicodedata
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes a text with characters that no one sees, so that they can be written as escapes."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if any(map(_unseen, text)) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def setting(key: str, value: object) -> str:
    """Return `key: value` on one line: `data.kinds: {zip: category}`.

    Names are quoted where YAML needs it, and characters that cannot be seen are written as escapes.
    """
    plain: Any = value
    written = yaml.dump(
        plain, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=1 << 20, sort_keys=False
    )
    line = escaped(written.removesuffix("...\n").strip())
    return f"{key}: {line}"


def escaped(text: str) -> str:
    """Return a text in which every character that cannot be seen stands as its escape: `\\u200b`."""
    return "".join(map(_escape, text))


def _escape(one: str) -> str:
    if not _unseen(one):
        return one
    code = ord(one)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unseen(one: str) -> bool:
    """Tell whether a character leaves no mark of its own: controls, zero-width, odd spaces, marks of direction."""
    return unicodedata.category(one) in _UNSEEN and one not in {" ", "\u3000"}


# Unicode's general categories: controls, formats (zero-width, bidirectional), surrogates, private, and the spaces and
# line ends beside U+0020.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"})
