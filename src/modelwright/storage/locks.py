"""Locks between processes: `flock` on a file, so that a lock dies with the process that holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from modelwright.storage import disk

Waiting = Callable[[str], None]
"""Called once, with who holds the lock, before a wait begins."""

_held: set[int] = set()  # open lock files of this process


def _forget_in_child() -> None:
    # flock belongs to the open file, which a forked child (a data loader's worker) shares: were it left open
    # there, the lock of a killed parent would live as long as its children.
    for handle in list(_held):
        with suppress(OSError):
            os.close(handle)
    _held.clear()


@cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def hold(path: Path, waiting: Waiting | None = None, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock for the length of the block; shared holders exclude exclusive ones, not one another."""
    handle = _acquire(path, waiting, shared=shared)
    try:
        yield
    finally:
        if not shared:
            _sign(handle, b"")  # a later shared holder must not be taken for us
        _release(handle)


@contextmanager
def attempt(path: Path) -> Iterator[bool]:
    """Hold the lock exclusively if nobody has it; gives whether it is held."""
    handle = _open(path)
    held = _flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) and _still_there(handle, path)
    try:
        yield held
    finally:
        _release(handle)


def _acquire(path: Path, waiting: Waiting | None, *, shared: bool) -> int:
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        handle = _open(path)
        try:
            if not _flock(handle, mode | fcntl.LOCK_NB):
                if waiting is not None:
                    waiting(_holder(handle))
                    waiting = None
                _flock(handle, mode)
            if _still_there(handle, path):
                if not shared:
                    _sign(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
                return handle
        except BaseException:
            _release(handle)
            raise
        _release(handle)  # gc removed the file while we waited: what we hold is the lock of nothing


def _open(path: Path) -> int:
    _watch_forks()
    with disk.guard(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    _held.add(handle)
    return handle


def _release(handle: int) -> None:
    if handle in _held:
        _held.discard(handle)
        os.close(handle)


def _flock(handle: int, mode: int) -> bool:
    try:
        fcntl.flock(handle, mode)
    except BlockingIOError:
        return False
    return True


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _sign(handle: int, signature: bytes) -> None:
    with suppress(OSError):  # a full disk: the lock holds all the same, only its holder has no name
        os.ftruncate(handle, 0)
        os.pwrite(handle, signature, 0)


def _holder(handle: int) -> str:
    try:
        signature = json.loads(os.pread(handle, 4096, 0))
        return f"process {signature['pid']} on {signature['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
