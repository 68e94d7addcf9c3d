"""Reading where nothing may be written: a read-only file system, a folder of another user, a mounted backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


def is_writable(path: Path) -> bool:
    """Return whether a file or folder can be written here, or made where it is not there yet."""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir():
        return os.access(place, os.W_OK | os.X_OK)
    # SQLite makes files beside a database, so its folder must be writable, too.
    return os.access(place, os.W_OK) and os.access(place.parent, os.W_OK | os.X_OK)


def connect(path: Path) -> sqlite3.Connection:
    """Open a database that cannot be written, with all that was committed. Raises sqlite3.Error and OSError.

    A database with a write-ahead log needs files beside it even to be read. Where they cannot be made, and the log is
    empty, the file alone holds all; else the two are copied.
    """
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if not log.exists() or log.stat().st_size == 0:
            return _opened(path, "immutable=1")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(log, f"{copy}-wal")
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        return in_memory(copy)


def in_memory(path: Path) -> sqlite3.Connection:
    """Return a copy in memory of a database, which may be changed and is lost with its connection."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(connect(path)) as source:
        source.backup(copy)
    return copy


def _opened(path: Path, how: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?{how}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
