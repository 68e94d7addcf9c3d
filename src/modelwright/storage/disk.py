"""Writing so that a crash or a full disk leaves either the old or the new, never a half."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelwright.core.messages import MachineError, Problem

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Libraries in Rust and C++ (safetensors, Polars, PyTorch) and SQLite report a full disk as text alone.
_FULL_TEXTS = ("no space left on device", "disk quota exceeded", "disk is full")

_LEAST_ROOM = 1_000_000  # bytes; with less, an I/O error of SQLite is that of a full disk


def is_full(error: BaseException) -> bool:
    """Return whether an error says, itself or through its causes, that the disk is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if any(text in str(seen).lower() for text in _FULL_TEXTS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def full(place: Path) -> Problem:
    """Return the problem of a full disk that holds `place`."""
    return Problem("machine.disk-full", path=str(place))


def database_is_full(error: BaseException, database: str | Path) -> bool:
    """Return whether an error of a database means a full disk.

    SQLite calls that an I/O error where it cannot make the files beside the database.
    """
    if is_full(error):
        return True
    with suppress(OSError):
        return "disk I/O error" in str(error) and shutil.disk_usage(Path(database).parent).free < _LEAST_ROOM
    return False


@contextmanager
def guard(place: Path) -> Iterator[None]:
    """Turn a full disk met inside the block into MachineError `machine.disk-full`."""
    try:
        yield
    except MachineError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise MachineError(full(place)) from error


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a file (a text as UTF-8) so that readers see the old or the new content; `durable` survives a power cut."""
    with replacing(path, durable=durable) as fresh:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield the path of a fresh file, which takes the place of `path` when the block ends well, and is gone else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with guard(path.parent):
            yield fresh
            if durable:
                sync(fresh)
            fresh.replace(path)
            if durable:
                sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove a folder that may be gone already."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
