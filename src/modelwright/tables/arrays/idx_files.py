"""Reads IDX files (LeCun, Cortes, Burges: the MNIST database), pictures with the labels that lie beside them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import DataError, Problem
from modelwright.tables.arrays.array_cells import column, is_picture, reads
from modelwright.tables.sources import SourceFile
from modelwright.tables.unpacked import opened

BLOCK_BYTES = 16 << 20  # of items that become cells at once
MOST_ITEM_BYTES = 256 << 20
_TYPES: Final = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IMAGE, LABEL, VALUES = "image", "label", "values"


def frames(file: SourceFile) -> Iterator[pl.DataFrame]:
    """Yield the rows of an IDX file: `image`, `label` or `values`, and the `label` of the file beside (`file.beside`).

    Raises DataError for a file that is damaged, and for two of different lengths.
    """
    with ExitStack() as stack:
        first = _Items(file, stack.enter_context(opened(file)))
        labels = [
            SourceFile(f"{file.name.rpartition('/')[0]}/{one.name}".lstrip("/"), one) for one in file.beside
        ]
        others = [_Items(one, stack.enter_context(opened(one))) for one in labels]
        for one in others:
            if one.count != first.count:
                raise DataError(
                    Problem(
                        "data.idx-lengths",
                        where=file.name,
                        rows=first.count,
                        other=one.file.name,
                        others=one.count,
                    )
                )
        rows = max(1, BLOCK_BYTES // max(first.item_bytes, 1))
        for begin in range(0, first.count, rows):
            count = min(rows, first.count - begin)
            parts = [column(_name(one), one.read(count)) for one in (first, *others)]
            yield pl.DataFrame(parts)
        for one in (first, *others):
            one.require_end()


class _Items:
    """The items of one file, in their order."""

    def __init__(self, file: SourceFile, stream: BinaryIO) -> None:
        self.file = file
        self._stream = stream
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not head[3]:
            raise self._damaged("magic")
        sizes = stream.read(4 * head[3])
        if len(sizes) < 4 * head[3]:
            raise self._damaged("short")
        self.count, *item = struct.unpack(f">{head[3]}I", sizes)
        self.dtype, self.item = np.dtype(_TYPES[head[2]]), tuple(item)
        self.item_bytes = self.dtype.itemsize * int(np.prod(self.item, dtype=object))
        if self.item_bytes > MOST_ITEM_BYTES or not reads(self.dtype, self.item):
            shape = " × ".join(map(str, (self.count, *self.item)))
            raise DataError(Problem("data.idx-shape", where=file.name, shape=shape))

    def read(self, count: int) -> NDArray[Any]:
        """Return the next items (count, …)."""
        content = self._stream.read(count * self.item_bytes)
        if len(content) < count * self.item_bytes:
            raise self._damaged("short")
        return np.frombuffer(content, self.dtype).reshape(count, *self.item)

    def require_end(self) -> None:
        """Raise DataError where the file goes on."""
        if self._stream.read(1):
            raise self._damaged("long")

    def _damaged(self, how: str) -> DataError:
        return DataError(Problem("data.idx-damaged", where=self.file.name, how=how))


def _name(items: _Items) -> str:
    if is_picture(items.dtype, items.item):
        return IMAGE
    return VALUES if items.item else LABEL
