"""Copies a file so that it is there whole and as it was, or not at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from pathlib import Path

from modelwright.core import digests
from modelwright.storage import disk


def copy(source: Path, target: Path) -> str:
    """Copy a file with its times and mode, read the copy again, and return the SHA-256 of both.

    A target with the same content stays as it is. Raises OSError, and MachineError on a full disk.
    """
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        found = digests.of_file(source)
        if digests.of_file(target) == found:
            return found
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        with disk.guard(target.parent):
            with source.open("rb") as reading, fresh.open("wb") as writing:
                while chunk := reading.read(digests.CHUNK_BYTES):
                    digest.update(chunk)
                    writing.write(chunk)
            disk.sync(fresh)
            shutil.copystat(source, fresh)
            if digests.of_file(fresh) != digest.hexdigest():
                raise OSError(f"the copy of {source.name} is not what was written")
            fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return digest.hexdigest()
