"""The memory of keys and values: one place a slot, as long as the context, of which only what is used takes memory.

Every slot has its place in the address space from the beginning, at the full context; the system gives memory to a page
when it is first written, and takes it back when a slot is free again. So the bound in bytes holds for tokens that are
there, a short answer costs a short cache, and the context is never divided among slots.

In front of the first slot lies one more, `SPARE`, for a row that only keeps another one company.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import MachineError, Problem

_PRIVATE = (
    getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0) | getattr(mmap, "MAP_NORESERVE", 0)
)
_GIVE_BACK = getattr(mmap, "MADV_DONTNEED", None)
_SMALL_PAGES = getattr(mmap, "MADV_NOHUGEPAGE", None)

SPARE = -1

Chunk = Sequence[NDArray[np.float32]]
"""Keys and values of some positions in turn, for each layer: (key heads, positions, head width)."""


class CacheMemory:
    """Keys and values of each layer, (slots, key heads, context, head width), float32, in memory of their own."""

    def __init__(self, layers: int, slots: int, key_heads: int, context: int, head_width: int) -> None:
        """Reserve addresses; raises MachineError where the system gives none."""
        self.shape = (slots, key_heads, context, head_width)
        self.token_bytes = 2 * layers * key_heads * head_width * 4
        self.slot_shape = self.shape[1:]
        self._slot_bytes = int(np.prod(self.slot_shape)) * 4
        size = (slots + 1) * self._slot_bytes
        try:
            self._maps = [mmap.mmap(-1, size, flags=_PRIVATE) for _ in range(2 * layers)]
        except (OSError, ValueError, OverflowError):
            raise MachineError(Problem("decode.no-addresses", bytes=2 * layers * size)) from None
        for one in self._maps:
            if _SMALL_PAGES is not None:
                one.madvise(_SMALL_PAGES)
        whole = (slots + 1, *self.slot_shape)
        self._arrays = [np.frombuffer(one, dtype=np.float32).reshape(whole)[1:] for one in self._maps]

    def address(self, index: int, slot: int) -> int:
        """Return where the keys (index 2·layer) or values (2·layer + 1) of a slot, and of those after it, lie."""
        return self._arrays[index].ctypes.data + slot * self._slot_bytes

    def copied(self, slot: int, begin: int, end: int) -> Chunk:
        """Return a copy of the positions from begin to end."""
        return [array[slot, :, begin:end].copy() for array in self._arrays]

    def put(self, slot: int, begin: int, chunk: Chunk) -> None:
        """Write what `copied` returned."""
        for array, part in zip(self._arrays, chunk, strict=True):
            array[slot, :, begin : begin + part.shape[1]] = part

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first positions of a slot into another one, and free the first."""
        for array in self._arrays:
            array[target, :, :length] = array[source, :, :length]
        self.free(source)

    def free(self, slot: int) -> None:
        """Give the memory of a slot back, as far as whole pages of it lie in no other slot."""
        if _GIVE_BACK is None:
            return
        page = mmap.PAGESIZE
        begin = -(-(slot + 1) * self._slot_bytes // page) * page  # the spare one lies before the first
        length = (slot + 2) * self._slot_bytes // page * page - begin
        if length > 0:
            for one in self._maps:
                one.madvise(_GIVE_BACK, begin, length)
