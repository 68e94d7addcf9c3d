"""Keys and values of beginnings that prompts had, chunk by chunk, for the next prompt that begins alike.

A chunk is known by all tokens up to its end, and was read to the same bits as it would be again: so what follows is the
same, whether it was kept or is read anew.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from modelwright.runtime.drivers.decode.cache_memory import Chunk


class KeptBeginnings:
    """Chunks by what they and all before them say; the one that was not wanted for longest goes first."""

    def __init__(self, length: int, token_bytes: int) -> None:
        """length: tokens of a chunk; token_bytes: what one takes."""
        self._length = length
        self._chunk_bytes = length * token_bytes
        self._chunks: OrderedDict[bytes, Chunk] = OrderedDict()

    @property
    def size(self) -> int:
        """Return what is kept, in bytes."""
        return len(self._chunks) * self._chunk_bytes

    def keys(self, ids: Sequence[int]) -> list[bytes]:
        """Return the key of each whole chunk of a prompt after which two tokens or more are left to read.

        One alone would be read as answers are, to other bits.
        """
        found, hasher = [], hashlib.sha256()
        for end in range(self._length, len(ids) - 1, self._length):
            hasher.update(np.array(ids[end - self._length : end], dtype="<i8").tobytes())
            found.append(hasher.digest())
        return found

    def known(self, keys: Sequence[bytes]) -> list[Chunk]:
        """Return the chunks that are kept, from the first on without a gap."""
        found = []
        for key in keys:
            chunk = self._chunks.get(key)
            if chunk is None:
                break
            found.append(chunk)
        # the later ones are of less use without the earlier ones: these go last
        for key in reversed(keys[: len(found)]):
            self._chunks.move_to_end(key)
        return found

    def keep(self, key: bytes, chunk: Chunk) -> None:
        """Keep a chunk."""
        self._chunks[key] = chunk
        self._chunks.move_to_end(key)

    def shrink(self, most_bytes: int) -> None:
        """Forget chunks until they take so many bytes at most."""
        while self._chunks and self.size > most_bytes:
            self._chunks.popitem(last=False)
