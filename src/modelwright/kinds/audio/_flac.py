"""How many samples a FLAC holds by its last frame: libsndfile reads as many as its header says, and leaves the rest.

Names are those of RFC 9639.
"""

from __future__ import annotations

from typing import Final

_SYNC: Final = (b"\xff\xf8", b"\xff\xf9")  # blocks of one size, of several
_STREAMINFO: Final = 8  # where it begins: behind the mark of the file, and the header of the block
_MOST: Final = 1 << 20  # bytes of one frame, and what is looked through for the last one
_TRIES: Final = 16  # bytes that only look like a header are one in half a million
_TAG: Final = 128  # bytes of an ID3v1, which some programs put behind everything


def samples_held(content: bytes) -> int | None:
    """Return the samples of each channel up to the end of the last frame, None where none ends where the file does."""
    tagged = content[-_TAG:].startswith(b"TAG")
    for end in (len(content), len(content) - _TAG)[: 1 + tagged]:
        at, tried = end, 0
        while (at := max(content.rfind(sync, max(0, end - _MOST), at) for sync in _SYNC)) > 0:
            frame = content[at:end]
            if (held := _samples_up_to(frame, content)) is None:
                continue
            tried += 1  # what is made to look like many headers would cost a sum each
            if tried > _TRIES:
                break
            if _crc16(frame) == 0:
                return held
    return None


def _samples_up_to(frame: bytes, content: bytes) -> int | None:
    """Return the samples up to the end of a frame by its header (9.1); None for bytes that are no header."""
    if len(frame) < 8 or len(content) < _STREAMINFO + 4:
        return None
    size_code, rate_code = frame[2] >> 4, frame[2] & 15
    read = _coded_number(frame)
    if size_code == 0 or rate_code == 15 or frame[3] & 1 or read is None:
        return None
    number, at = read
    extra = {6: 1, 7: 2}.get(size_code, 0)
    size = int.from_bytes(frame[at : at + extra], "big") + 1 if extra else _block_size(size_code)
    at += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(frame) or _crc8(frame[: at + 1]) != 0:
        return None
    if frame[1] & 1:
        return number + size  # the number is that of its first sample
    return number * int.from_bytes(content[_STREAMINFO : _STREAMINFO + 2], "big") + size


def _block_size(code: int) -> int:
    if code == 1:
        return 192
    return 144 << code if code < 6 else 1 << code


def _coded_number(frame: bytes) -> tuple[int, int] | None:
    """Return the number that is written as UTF-8 writes a character, in up to 7 bytes, and where it ends."""
    first = frame[4]
    if first < 0x80:
        return first, 5
    length = next((count for count in range(2, 8) if first >> (7 - count) & 1 == 0), 8)
    if first < 0xC0 or length > 7 or len(frame) < 4 + length:
        return None
    number = first & ((1 << (7 - length)) - 1) if length < 7 else 0
    for byte in frame[5 : 4 + length]:
        if byte >> 6 != 2:
            return None
        number = number << 6 | byte & 0x3F
    return number, 4 + length


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    found = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) & 1 else 0)
        found.append(value & ((1 << bits) - 1))
    return tuple(found)


_CRC8: Final = _table(0x07, 8)
_CRC16: Final = _table(0x8005, 16)


def _crc8(content: bytes) -> int:
    value = 0
    for byte in content:
        value = _CRC8[value ^ byte]
    return value


def _crc16(content: bytes) -> int:
    value = 0
    for byte in content:
        value = (value << 8 & 0xFF00) ^ _CRC16[value >> 8 ^ byte]
    return value
