"""The bytes of a file of a package: in memory, mapped, or still in a file."""

from __future__ import annotations

import hashlib
import mmap
import shutil
from pathlib import Path
from typing import BinaryIO, TypeAlias

from modelwright.core.digests import CHUNK_BYTES, of_bytes, of_file

Content: TypeAlias = bytes | memoryview | Path
"""Bytes; a view of mapped ones; or the path of a file that holds them, for what is large."""


def view(content: Content) -> bytes | memoryview:
    """Return the bytes to read from; a file is mapped, so that only what is used takes memory."""
    if not isinstance(content, Path):
        return content
    with content.open("rb") as file:
        return _mapped(file)


def whole(content: Content) -> bytes:
    """Return all bytes in memory."""
    if isinstance(content, Path):
        return content.read_bytes()
    return bytes(content)  # no copy of what is bytes already


def size_bytes(content: Content) -> int:
    """Return the number of bytes."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def digest(content: Content) -> str:
    """Return the SHA-256 (hex) of the bytes."""
    return of_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def write(content: Content, place: Path) -> None:
    """Write the bytes to a new file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copyfile(content, place)
    else:
        place.write_bytes(content)


def read_with_digest(path: Path, *, mapped: bool) -> tuple[bytes | memoryview, str]:
    """Return a file's bytes and their SHA-256 (hex).

    A mapped file is hashed in chunks and then mapped through the same descriptor: it is never in memory as a
    whole, and it is the file that was hashed even if another one takes its name.
    """
    if not mapped:
        data = path.read_bytes()
        return data, of_bytes(data)
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
        return _mapped(file), hasher.hexdigest()


def _mapped(file: BinaryIO) -> bytes | memoryview:
    if file.seek(0, 2) == 0:
        return b""  # nothing cannot be mapped
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
