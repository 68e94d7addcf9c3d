"""What a file is by its first bytes. Light: no library of sounds."""

from __future__ import annotations

from typing import Final

ENDINGS: Final = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3")
READ: Final = ("WAV", "FLAC", "OGG", "MP3")

# Other files that people take for a sound that can be read, by what stands at a place of them.
_OTHERS: Final = (
    (4, b"ftyp", "M4A or MP4"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"#!AMR", "AMR"),
    (0, b"MThd", "MIDI"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "APE"),
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"%PDF", "PDF"),
)
_MP3_LAYER: Final = 0b01  # of the header's two bits; 00 is AAC in its own stream


def format_of(content: bytes) -> str | None:
    """Return which of the formats that are read a file is of, None for no other."""
    if content[:4] in {b"RIFF", b"RF64", b"RIFX"} and content[8:12] == b"WAVE":
        return "WAV"
    if content[:4] == b"fLaC":
        return "FLAC"
    if content[:4] == b"OggS":
        return "OGG"
    if content[:3] == b"ID3" or _is_frame(content):
        return "MP3"
    return None


def other_format(content: bytes) -> str | None:
    """Return what a file is that is of none of these formats, None where it is not known."""
    return next((name for at, mark, name in _OTHERS if content[at : at + len(mark)] == mark), None)


def _is_frame(content: bytes) -> bool:
    """Tell whether a header of MPEG audio layer III stands first (ISO 11172-3, 2.4.1.3): 11 bits of sync, …"""
    if len(content) < 4 or content[0] != 0xFF or content[1] & 0xE0 != 0xE0:
        return False
    version, layer = content[1] >> 3 & 0b11, content[1] >> 1 & 0b11
    bitrate, rate = content[2] >> 4, content[2] >> 2 & 0b11
    return version != 0b01 and layer == _MP3_LAYER and bitrate != 0b1111 and rate != 0b11
