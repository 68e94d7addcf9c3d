"""Keeps the C libraries that decode files from talking to the terminal, past every log and its bounds.

libmpg123 and libtiff write a line to C's `stderr` for each thing that they dislike in a file, however the caller
asked; one request can make six. What is wrong with a file is said by the message that refuses it.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Discard what C libraries write to their `stderr` within the block, in whatever thread.

    Python's own `sys.stderr` and descriptor 2 stay as they are: what we log, and the last words of a crash, are
    written. Where the C library is not that of GNU (its `stderr` may be constant), nothing is discarded.
    """
    spoken = _Spoken.of_this_process()
    if spoken is None:
        yield
        return
    spoken.begin()
    try:
        yield
    finally:
        spoken.end()


class _Spoken:
    """C's variable `stderr`: which stream it names while some thread wants quiet, and after."""

    def __init__(self, variable: ctypes.c_void_p, nowhere: int) -> None:
        self._variable, self._nowhere = variable, nowhere
        self._lock = threading.Lock()
        self._blocks = 0
        self._usual: int | None = None

    @staticmethod
    @cache
    def of_this_process() -> _Spoken | None:
        """Return it, or None where it cannot be set."""
        if sys.platform != "linux":
            return None
        c = ctypes.CDLL(None)
        if not hasattr(c, "gnu_get_libc_version"):
            return None
        c.fopencookie.restype = ctypes.c_void_p
        c.fopencookie.argtypes = (ctypes.c_void_p, ctypes.c_char_p, _Functions)
        # A stream without a function that writes discards (fopencookie(3)): no file is opened for it, which a worker
        # may not. It is never closed: a library may hold it for longer than the block.
        nowhere = c.fopencookie(None, b"w", _Functions())
        return _Spoken(ctypes.c_void_p.in_dll(c, "stderr"), nowhere) if nowhere else None

    def begin(self) -> None:
        """Enter a block."""
        with self._lock:
            if not self._blocks:
                self._usual = self._variable.value
                self._variable.value = self._nowhere
            self._blocks += 1

    def end(self) -> None:
        """Leave a block."""
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._variable.value = self._usual


class _Functions(ctypes.Structure):
    """`cookie_io_functions_t`: read, write, seek, close; none of them by default."""

    _fields_ = (
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("seek", ctypes.c_void_p),
        ("close", ctypes.c_void_p),
    )
