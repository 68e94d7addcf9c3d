"""Copies of the state database, made at each release; the newest good one restores it.

backups/state-20260131T120000.123456Z.db      in the folder of the database; the newest KEPT stay
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

KEPT = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"  # of UTC, so that names sort by time


def folder(database: Path) -> Path:
    """Return where the copies of a database lie."""
    return database.parent / "backups"


def take(database: Path, at: datetime) -> Path:
    """Copy a database, also while others write to it; older copies beyond KEPT go. Raises sqlite3.Error and OSError."""
    place = folder(database)
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{database.stem}-{at.strftime(_STAMP)}.db"
    fresh = target.with_suffix(".part")
    try:
        copy(database, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    for old in _newest_first(database)[KEPT:]:
        old.unlink(missing_ok=True)
    return target


def good(database: Path) -> Iterator[Path]:
    """Yield the copies of a database that are whole, newest first."""
    for one in _newest_first(database):
        try:
            with closing(sqlite3.connect(f"{one.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                connection.execute("SELECT count(*) FROM versions").fetchone()
        except sqlite3.Error:
            continue
        if whole:
            yield one


def copy(source: Path, target: Path) -> None:
    """Copy a database into a new file that stands alone, without a write-ahead log. Raises sqlite3.Error."""
    with closing(sqlite3.connect(source)) as held, closing(sqlite3.connect(target)) as made:
        held.backup(made)
        made.execute("PRAGMA journal_mode = DELETE")


def _newest_first(database: Path) -> list[Path]:
    return sorted(folder(database).glob(f"{database.stem}-*.db"), reverse=True)
