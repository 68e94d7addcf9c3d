"""A long column of the bytes of files, which lies in an unnamed file of its own and not in memory.

    values = FileValues.of(parts, beside=folder)      # parts: lists of bytes, one after the other
    values[7], values[::2], len(values)               # as of a list; a slice reads nothing

What is read again soon comes from the system's cache of files, which gives way where memory is needed for more.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from modelwright.storage import disk

Places = NDArray[np.int64]
_NONE = -1  # the length of a missing value


class _Held:
    """An open file, which is closed, and gone, when nothing refers to it any more."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        weakref.finalize(self, os.close, handle)


class FileValues(Sequence[Any]):
    """Values (n,): bytes, or None where one is missing. They may be read from several threads at once."""

    def __init__(self, file: _Held, begins: Places, lengths: Places) -> None:
        """Take a file with the place and the length (n,) of each value in it; a missing one has the length -1."""
        self._file = file
        self._begins = begins
        self._lengths = lengths

    @classmethod
    def of(cls, parts: Iterable[Sequence[bytes | None]], beside: Path) -> Self:
        """Write values into a file that nobody else sees, on the disk of the folder `beside` where that can be.

        Raises MachineError on a full disk.
        """
        lengths: list[int] = []
        with _unnamed(beside) as file, disk.guard(beside):
            for part in parts:
                for value in part:
                    lengths.append(_NONE if value is None else len(value))
                    if value:
                        file.write(value)
            file.flush()
            held = _Held(os.dup(file.fileno()))
        sizes = np.array(lengths, np.int64)
        stored = np.maximum(sizes, 0)
        return cls(held, np.cumsum(stored) - stored, sizes)

    def __len__(self) -> int:
        return len(self._lengths)

    @overload
    def __getitem__(self, at: int) -> bytes | None: ...
    @overload
    def __getitem__(self, at: slice) -> FileValues: ...
    def __getitem__(self, at: int | slice) -> bytes | FileValues | None:
        if isinstance(at, slice):
            return FileValues(self._file, self._begins[at], self._lengths[at])
        length = int(self._lengths[at])
        if length == _NONE:
            return None
        found = os.pread(self._file.handle, length, int(self._begins[at]))
        if len(found) != length:
            raise OSError(
                f"{len(found)} of {length} bytes could be read of a column that was held on the disk"
            )
        return found

    def take(self, rows: Sequence[int] | Places) -> FileValues:
        """Return the values of some rows, in their order; nothing is read."""
        places = np.asarray(rows, np.int64)
        return FileValues(self._file, self._begins[places], self._lengths[places])


def taken(column: Sequence[Any], rows: Sequence[int] | Places) -> Sequence[Any]:
    """Return the values of some rows of a column, in their order, without reading what lies on the disk."""
    return column.take(rows) if isinstance(column, FileValues) else [column[row] for row in rows]


def _unnamed(beside: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=beside)
    except OSError:  # a folder that can only be read
        return tempfile.TemporaryFile()
