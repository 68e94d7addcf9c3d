"""Items of an array as the cells of a column: numbers, texts, lists of numbers, or pictures as the bytes of a PNG.

A PNG is written here rather than by a library of images: row ids follow from these bytes, so that they must not change
with its version.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_COLOURS: Final = {1: 0, 3: 2, 4: 6}  # channels → colour type (PNG specification, table 11.1)
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_LEVEL = 6  # of compression


def is_picture(dtype: np.dtype[Any], item: tuple[int, ...]) -> bool:
    """Tell whether items of this type and shape (h, w) or (h, w, channels) are pictures."""
    if dtype not in (np.uint8, np.uint16) or not all(item):
        return False
    return len(item) == 2 or (len(item) == 3 and item[-1] in _COLOURS)


def reads(dtype: np.dtype[Any], item: tuple[int, ...]) -> bool:
    """Tell whether `column` takes items of this type and shape."""
    if dtype.kind not in "biufUS" or dtype.itemsize == 0:
        return False
    return is_picture(dtype, item) or _is_single(item) or (len(item) == 1 and dtype.kind in "biuf")


def column(name: str, items: NDArray[Any]) -> pl.Series:
    """Return items (n, …) as a column of n cells; they are such as `reads` takes.

    Numbers are numbers, also where each is alone in an axis of its own; several are a list.
    """
    item = items.shape[1:]
    if is_picture(items.dtype, item):
        return pl.Series(name, [png(one) for one in items], dtype=pl.Binary)
    if _is_single(item):
        plain = items.reshape(len(items))
        if plain.dtype.kind in "US":
            return pl.Series(name, [_text(one) for one in plain.tolist()], dtype=pl.String)
        return pl.Series(name, plain.astype(_plain(plain.dtype)))
    return pl.Series(name, items.astype(np.float64).tolist(), dtype=pl.List(pl.Float64))


def png(pixels: NDArray[Any]) -> bytes:
    """Return pixels (h, w) or (h, w, channels) of 8 or 16 bits as a PNG (ISO/IEC 15948), without filters."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    bits = 8 * pixels.dtype.itemsize
    lines = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).tobytes()
    length = width * channels * bits // 8
    # Each line begins with the number of its filter, 0.
    raw = b"".join(b"\0" + lines[at : at + length] for at in range(0, len(lines), length))
    head = struct.pack(">IIBBBBB", width, height, bits, _COLOURS[channels], 0, 0, 0)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(raw, _LEVEL)), _chunk(b"IEND", b""))
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _is_single(item: tuple[int, ...]) -> bool:
    return all(size == 1 for size in item) and len(item) <= 1


def _text(one: object) -> str:
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of numbers that a table has; an integer beyond 63 bits is a float in no kind's eyes."""
    kinds = {
        "b": np.bool_,
        "i": np.int64,
        "u": np.uint64 if dtype.itemsize == 8 else np.int64,
        "f": np.float64,
    }
    return np.dtype(kinds[dtype.kind])
