"""What a sound is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.digests import of_bytes
from modelwright.core.json_types import JsonObject
from modelwright.kinds.audio._magic import ENDINGS
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import EQUALITY, Value
from modelwright.kinds.shared.file_bytes import base64_text, file_bytes

MOST_BYTES = 128 * 2**20


class AudioValue(Value[bytes]):
    """A sound as the bytes of its file, as they came: equal files are equal values.

    WAV, FLAC, Ogg (Vorbis, Opus) or MP3, at any rate and with any number of channels. It is decoded once when it is
    read, so that a value that has been read can be encoded.
    """

    name: ClassVar[str] = "audio"
    summary: ClassVar[str] = "a sound: WAV, FLAC, Ogg or MP3, of at most ten minutes"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("sound", "speech", "voice", "wav", "mp3", "recording")
    operators: ClassVar[frozenset[str]] = EQUALITY
    takes_words: ClassVar[bool] = True
    holds_files: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a sound: its file in base64, or as a data URI."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "audio/*",
            "description": "The file of a sound (WAV, FLAC, Ogg or MP3, at most ten minutes) in base64 or a data URI.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> bytes | None:
        """Return the bytes of the file, of bytes or of a text in base64; a blank text is missing.

        Raises ValueProblem for what is no sound, too long, or cannot be decoded to its end.
        """
        content = file_bytes(raw, endings=ENDINGS, most_bytes=MOST_BYTES)
        if content is not None:
            # Here, so that a signature can be read where the libraries of sounds are not installed.
            from modelwright.kinds.audio._decoding import require_sound

            require_sound(content)
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
        """Return the SHA-256 of the file: a slice can name one."""
        return of_bytes(value)
