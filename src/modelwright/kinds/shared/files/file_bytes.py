"""Values that are files: their bytes as they came, or as JSON writes them, in base64."""

from __future__ import annotations

import base64
import binascii
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, cast
from urllib.parse import unquote

from modelwright.core.digests import of_bytes
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.value import Value

_DATA_URI = "data:"
_URL_SAFE = str.maketrans("-_", "+/")


def present(values: Sequence[bytes | None]) -> Sequence[bytes]:
    """Return the values that are there; where none is missing, the column itself, which may lie on the disk."""
    if all(value is not None for value in values):
        return cast("Sequence[bytes]", values)
    return [value for value in values if value is not None]


class FileValue(Value[bytes]):
    """A file's bytes as they came: equal files are equal values.

    What is no whole file of the kind is refused where it is read, so that a value that has been read can be encoded.
    """

    takes_words: ClassVar[bool] = True
    holds_files: ClassVar[bool] = True
    endings: ClassVar[tuple[str, ...]]  # of the names of such files (`.wav`), so that a path is known as one
    most_bytes: ClassVar[int | None] = None

    @abstractmethod
    def require_whole(self, content: bytes) -> None:
        """Decode the file once; raises ValueProblem for another format, too large a one, or a damaged one."""

    def parse(self, raw: object, *, lenient: bool = False) -> bytes | None:
        """Return the bytes of the file, of bytes or of a text in base64; a blank text is missing.

        Raises ValueProblem for what is no such file, is too large, or cannot be decoded to its end.
        """
        content = file_bytes(raw, endings=self.endings, most_bytes=self.most_bytes)
        if content is not None:
            self.require_whole(content)
        return content

    def to_json(self, value: bytes) -> str:
        """Return the file in base64."""
        return base64_text(value)

    def to_wire(self, value: bytes) -> bytes:
        """Return the bytes themselves."""
        return value

    def from_wire(self, wire: object) -> bytes | None:
        """Return the bytes, which the other side has read: they are not decoded once more."""
        return wire if isinstance(wire, bytes) else self.parse(wire)

    def size(self, value: bytes) -> int:
        """Return the bytes of the file."""
        return len(value)

    def comparable(self, value: bytes) -> str:
        """Return the SHA-256 of the file: where a kind has equality, a slice can name one."""
        return of_bytes(value)


def file_bytes(raw: object, *, endings: tuple[str, ...], most_bytes: int | None = None) -> bytes | None:
    """Return the bytes of a file, given as bytes or as a text in base64 or a data URI (RFC 2397).

    None: nothing, or a blank text. endings: of the names of such files.
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
    if most_bytes is not None and len(content) > most_bytes:
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
