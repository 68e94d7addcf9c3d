"""Blocks of bytes that could be made again, by the digest of all that they follow from; the oldest go first."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from modelwright.core.messages import MachineError
from modelwright.storage import disk

_DIGEST_BYTES = 32


class KeptBlocks:
    """A folder of such blocks, of `most_bytes` together; what is damaged there, or cannot be written, is made again."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> bytes | None:
        """Return a block, None where it is not there or is not what was written."""
        place = self._folder / key
        try:
            found = place.read_bytes()
            os.utime(place)  # it was needed just now
        except OSError:
            return None
        block = found[_DIGEST_BYTES:]
        return block if hashlib.sha256(block).digest() == found[:_DIGEST_BYTES] else None

    def put(self, key: str, block: bytes) -> None:
        """Keep a block; where that is not possible, the next run is only slower."""
        with suppress(OSError, MachineError):
            self._folder.mkdir(parents=True, exist_ok=True)
            content = hashlib.sha256(block).digest() + block
            disk.write_atomically(self._folder / key, content, durable=False)

    def trim(self) -> None:
        """Remove the blocks that were not needed for longest, as long as all are more than `most_bytes`."""
        found = []
        with suppress(OSError):
            for place in self._folder.iterdir():
                with suppress(OSError):  # another run removes, too
                    seen = place.stat()
                    found.append((seen.st_mtime, seen.st_size, place))
        left = sum(size for _, size, _ in found)
        for _, size, place in sorted(found):
            if left <= self._most_bytes:
                break
            with suppress(OSError):
                place.unlink()
            left -= size
