"""Values that are files: their bytes as they came, or as JSON writes them, in base64."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from modelwright.core.messages import ValueProblem, shown

_DATA_URI = "data:"
_URL_SAFE = str.maketrans("-_", "+/")


def file_bytes(raw: object, *, endings: tuple[str, ...], most_bytes: int) -> bytes | None:
    """Return the bytes of a file, given as bytes or as a text in base64 or a data URI (RFC 2397).

    None: nothing, or a blank text. endings: of the names of such files (`.wav`), so that a path is known as one.
    Raises ValueProblem for another value, for no bytes, and for more than `most_bytes`.
    """
    match raw:
        case None:
            return None
        case str() if not raw.strip():
            return None
        case str():
            content = _decoded(raw, endings)
        case bytes() | bytearray() | memoryview():
            content = bytes(raw)
        case _:
            raise ValueProblem("value.not-a-file", shown=shown(raw))
    if not content:
        raise ValueProblem("value.empty-file")
    if len(content) > most_bytes:
        raise ValueProblem("value.large-file", size=len(content), most=most_bytes)
    return content


def base64_text(content: bytes) -> str:
    """Return bytes as JSON holds them."""
    return base64.b64encode(content).decode("ascii")


def from_base64(written: str) -> bytes | None:
    """Return what base64 stands for: plain, with line breaks, URL-safe, without padding; None: it is none."""
    plain = "".join(written.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _decoded(text: str, endings: tuple[str, ...]) -> bytes:
    """Return what base64 stands for: plain, with line breaks, URL-safe, without its padding, or in a data URI."""
    written = text.strip()
    if written[: len(_DATA_URI)].lower() == _DATA_URI:
        head, comma, written = written.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise ValueProblem("value.not-base64", shown=shown(text))
        written = unquote(written)
    elif written.lower().endswith(endings):
        raise ValueProblem("value.path-of-a-file", shown=shown(text))
    content = from_base64(written)
    if content is None:
        raise ValueProblem("value.not-base64", shown=shown(text))
    return content
