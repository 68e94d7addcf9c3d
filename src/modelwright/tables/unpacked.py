"""Opens a file, plain or gzipped; refuses one that unpacks to far more than it is."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from modelwright.core.messages import DataError, Problem
from modelwright.tables.sources import SourceFile

BLOCK_BYTES = 1 << 20
# Tables compress to a tenth, repetitive ones to a hundredth; DEFLATE ends at 1,032 to 1 (zlib, technical details),
# which only a file made for it reaches. Below so many bytes no ratio matters.
MOST_RATIO, FREE_BYTES = 200, 256 << 20
MOST_BYTES = 64 << 30


def opened(file: SourceFile) -> BinaryIO:
    """Open a source, unpacked; reading raises DataError for one that unpacks to more than a table does."""
    if not file.path.name.lower().endswith(".gz"):
        return file.path.open("rb")
    return cast("BinaryIO", io.BufferedReader(_Unpacked(file), BLOCK_BYTES))


def blocks(file: SourceFile) -> Iterator[bytes]:
    """Yield the unpacked bytes of a source."""
    with opened(file) as raw:
        while block := raw.read(BLOCK_BYTES):
            yield block


class _Unpacked(io.RawIOBase):
    """Counts what goes in and what comes out."""

    def __init__(self, file: SourceFile) -> None:
        self._name = file.name
        self._packed = file.path.open("rb")
        self._unpacked = gzip.GzipFile(fileobj=self._packed)
        self._bytes = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader gives
        """Fill a buffer; raises DataError where too much has come out."""
        data = self._unpacked.read(len(buffer))
        self._bytes += len(data)
        taken = max(self._packed.tell(), 1)
        if self._bytes > MOST_BYTES or (self._bytes > FREE_BYTES and self._bytes > MOST_RATIO * taken):
            raise DataError(
                Problem(
                    "data.unpacks-too-far", where=self._name, bytes=self._bytes, ratio=self._bytes / taken
                )
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._unpacked.close()
        self._packed.close()
        super().close()
