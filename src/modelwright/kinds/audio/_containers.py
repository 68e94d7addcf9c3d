"""Whether a file holds all that its own structure says, before it is decoded.

libsndfile takes a WAV for as long as it is, and leaves pages of an Ogg out whose sum is wrong, without a word; of
an MP3 that is none libmpg123 talks to the terminal.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from modelwright.core.messages import ValueProblem

# A stream that is written before its end is known says one of these for its size.
_UNKNOWN_SIZES: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE})
_OGG_HEADER: Final = 27
# Bits a second of layer III, in thousands (ISO 11172-3, 2.4.2.3; ISO 13818-3), and samples a second of MPEG 1.
_MP3_RATES: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_LOWER_RATES: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_HERTZ: Final = (44_100, 48_000, 32_000)
_MP3_BEGIN: Final = 65_536  # bytes in which the first two frames are looked for
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def require_whole(content: bytes, name: str) -> None:
    """Raise ValueProblem for a file of which the end, or a part, is missing; name: its format."""
    if name == "WAV":
        _require_chunks(content)
    elif name == "OGG":
        _require_pages(content)


def require_begin(content: bytes, name: str) -> None:
    """Raise ValueProblem for an MP3 in whose begin no frame follows another: libmpg123 would look for them aloud."""
    if name != "MP3":
        return
    at = 0
    if (
        content[:3] == b"ID3" and len(content) >= 10
    ):  # a tag of its own, whose size has 7 bits a byte (ID3v2, 3.1)
        size = 0
        for byte in content[6:10]:
            size = size << 7 | byte & 0x7F
        at = 10 + size
    for place in range(at, min(at + _MP3_BEGIN, len(content) - 3)):
        if content[place] == 0xFF and (length := _mp3_frame(content, place)) is not None:
            after = place + length
            last = len(content) - 4 < after <= len(content)
            if length == 0 or last or _mp3_frame(content, after) is not None:
                return
    raise ValueProblem("sound.damaged", format=name)


def _mp3_frame(content: bytes, at: int) -> int | None:
    """Return the bytes of a frame of layer III by its header, 0 where it does not say; None for no frame."""
    head = int.from_bytes(content[at : at + 4], "big")
    version, layer, rate, pace = head >> 19 & 3, head >> 17 & 3, head >> 12 & 15, head >> 10 & 3
    if head >> 21 != 0x7FF or version == 1 or layer != 1 or rate == 15 or pace == 3:
        return None
    if rate == 0:
        return 0
    first = version == 3  # MPEG 1; else 2 (10) or 2.5 (00), of half and a quarter of its rates
    hertz = _MP3_HERTZ[pace] // (1 if first else 2 if version == 2 else 4)
    thousands = (_MP3_RATES if first else _MP3_LOWER_RATES)[rate - 1]
    return (144_000 if first else 72_000) * thousands // hertz + (head >> 9 & 1)


def _require_chunks(content: bytes) -> None:
    """Raise ValueProblem where the samples of a WAV are fewer than their chunk says (RIFF; RF64: EBU Tech 3306)."""
    order = ">" if content[:4] == b"RIFX" else "<"
    at, long_size = 12, None
    while at + 8 <= len(content):
        name, size = struct.unpack_from(f"{order}4sI", content, at)
        if name == b"ds64" and at + 24 <= len(content):
            (long_size,) = struct.unpack_from("<Q", content, at + 16)
        if name == b"data":
            size = long_size if size == 0xFFFFFFFF and long_size is not None else size
            there = len(content) - at - 8
            if size not in _UNKNOWN_SIZES and size > there:
                raise ValueProblem("sound.cut-short", format="WAV", said=size, there=there)
            return
        at += 8 + size + size % 2  # chunks begin at even places
    raise ValueProblem("sound.cut-short", format="WAV")


def _require_pages(content: bytes) -> None:
    """Raise ValueProblem where a page of an Ogg is cut off, missing or damaged (RFC 3533)."""
    numbers: dict[int, int] = {}
    for serial, number, whole in _pages(content):
        if not whole or number != numbers.get(serial, number - 1) + 1:
            raise ValueProblem("sound.damaged", format="OGG")
        numbers[serial] = number


def _pages(content: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield the stream and the number of each page, and whether it is as it was written."""
    at = 0
    while at < len(content):
        segments = (
            at + _OGG_HEADER + content[at + 26] if at + _OGG_HEADER <= len(content) else len(content) + 1
        )
        if segments > len(content):
            raise ValueProblem("sound.cut-short", format="OGG")
        if content[at : at + 4] != b"OggS":
            raise ValueProblem("sound.damaged", format="OGG")
        end = segments + sum(content[at + _OGG_HEADER : segments])
        if end > len(content):
            raise ValueProblem("sound.cut-short", format="OGG")
        serial, number, sum_ = struct.unpack_from("<III", content, at + 14)
        page = content[at : at + 22] + bytes(4) + content[at + 26 : end]
        yield serial, number, _checksum(page) == sum_
        at = end


def _checksum(page: bytes) -> int:
    """Return the sum of a page: the polynomial of zlib's CRC-32, unreflected, from 0 and not inverted."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
