"""What SQLite and the system say when a disk is full."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

_LEAST_ROOM = 1_000_000  # bytes; with less, an I/O error is that of a full disk


def says_full(said: str, database: str | Path) -> bool:
    """Tell whether an error of a database means a full disk.

    SQLite calls that an I/O error where it cannot make the files beside the database.
    """
    if "disk is full" in said or "No space left" in said:
        return True
    with suppress(OSError):
        return "disk I/O error" in said and shutil.disk_usage(Path(database).parent).free < _LEAST_ROOM
    return False
