"""What a picture is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.digests import of_bytes
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import Value
from modelwright.kinds.image import _files
from modelwright.kinds.shared.file_bytes import base64_text, from_base64

_DATA_URI = "data:"


class ImageValue(Value[bytes]):
    """A picture as the bytes of its file, as they came: equal files are equal values.

    JPEG, PNG, BMP, GIF, WebP or TIFF. Its header is checked before it is decoded, and it is decoded once when it is
    read, so that a value that has been read can be encoded.
    """

    name: ClassVar[str] = "image"
    summary: ClassVar[str] = "a picture: JPEG, PNG, BMP, GIF, WebP or TIFF"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("picture", "photo", "img", "jpeg", "png")
    operators: ClassVar[frozenset[str]] = frozenset()
    takes_words: ClassVar[bool] = True
    holds_files: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a picture: its file in base64, or as a data URI."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "image/*",
            "description": "The file of a picture (JPEG, PNG, BMP, GIF, WebP or TIFF) in base64, or as a data URI; "
            f"at most {_files.MOST_PIXELS // 1_000_000} megapixels. Of an animation, the first picture.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> bytes | None:
        """Return the bytes of the file, of bytes or of a text in base64; a blank text is missing.

        Raises ValueProblem for what is no picture, too large, or cannot be decoded to its end.
        """
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        match raw:
            case str():
                content = _decoded(raw)
            case bytes() | bytearray() | memoryview():
                content = bytes(raw)
            case _:
                raise ValueProblem("image.not-base64", shown=shown(raw))
        _files.require_whole(content)
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
        """Return the digest of the file; no slice compares pictures."""
        return of_bytes(value)


def _decoded(text: str) -> bytes:
    """Return what a text in base64 stands for: plain, with line breaks, URL-safe, or the data of a data URI."""
    written = text.strip()
    if written[: len(_DATA_URI)].lower() == _DATA_URI:
        head, comma, written = written.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise ValueProblem("image.not-base64", shown=shown(text))
    if written.lower().endswith(_files.ENDINGS):
        raise ValueProblem("image.a-path", shown=shown(text))
    content = from_base64(written)
    if content is None:
        raise ValueProblem("image.not-base64", shown=shown(text))
    return content
