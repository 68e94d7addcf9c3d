"""What a sound is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.kinds.audio._magic import ENDINGS
from modelwright.kinds.contract.common import Role
from modelwright.kinds.shared.files.file_bytes import FileValue


class AudioValue(FileValue):
    """A sound: WAV, FLAC, Ogg (Vorbis, Opus) or MP3, at any rate and with any number of channels."""

    name: ClassVar[str] = "audio"
    summary: ClassVar[str] = "a sound: WAV, FLAC, Ogg or MP3, of at most ten minutes"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("sound", "speech", "voice", "wav", "mp3", "recording")
    operators: ClassVar[frozenset[str]] = frozenset()
    endings: ClassVar[tuple[str, ...]] = ENDINGS
    most_bytes: ClassVar[int | None] = 128 * 2**20

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a sound: its file in base64, or as a data URI."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "audio/*",
            "description": "The file of a sound (WAV, FLAC, Ogg or MP3, at most ten minutes) in base64 or a data URI.",
        }

    def require_whole(self, content: bytes) -> None:
        """Decode the sound once; raises ValueProblem for what is no sound, too long, or damaged."""
        # Here, so that a signature can be read where the libraries of sounds are not installed.
        from modelwright.kinds.audio._decoding import require_sound

        require_sound(content)
