"""Digests: one canonical JSON and one hash, so that equal things have equal names everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys, no spaces and no NaN; equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def of_json(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON value."""
    return of_bytes(canonical_json(value).encode())


def of_bytes(data: bytes) -> str:
    """Return the SHA-256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in chunks."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def of_folder(folder: Path) -> str:
    """Return the SHA-256 (hex) over the relative names and contents of all files below a folder."""
    return of_listing(
        {path.relative_to(folder).as_posix(): of_file(path) for path in folder.rglob("*") if path.is_file()}
    )


def of_listing(files: Mapping[str, str]) -> str:
    """Return what `of_folder` gives for a folder with these files: relative name → SHA-256 (hex)."""
    return of_json(dict(files))
