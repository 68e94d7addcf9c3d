"""Whether a file holds all that its own structure says, before it is decoded.

libsndfile takes a WAV for as long as it is, and leaves pages of an Ogg out whose sum is wrong, without a word.
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
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def require_whole(content: bytes, name: str) -> None:
    """Raise ValueProblem for a file of which the end, or a part, is missing; name: its format."""
    if name == "WAV":
        _require_chunks(content)
    elif name == "OGG":
        _require_pages(content)


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
