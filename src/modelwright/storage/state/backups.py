"""Copies of a database: of the state at each release, whose newest good one restores it, and before its schema changes.

backups/state-20260131T120000.123456Z.db      in the folder of the database; the newest KEPT stay
backups/live-20260131T120000.123456Z.db       of the record of traffic: one, for a week
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

KEPT = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"  # of UTC, so that names sort by time


def folder(database: Path) -> Path:
    """Return where the copies of a database lie."""
    return database.parent / "backups"


def take(database: Path, at: datetime, kept: int = KEPT) -> Path:
    """Copy a database, also while others write to it; of all copies the newest `kept` stay.

    Raises sqlite3.Error and OSError.
    """
    place = folder(database)
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{database.stem}-{at.strftime(_STAMP)}.db"
    fresh = target.with_suffix(".part")
    try:
        copy(database, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    for old in _newest_first(database)[kept:]:
        old.unlink(missing_ok=True)
    return target


def forget(database: Path, before_s: float) -> None:
    """Remove the copies that were made before a Unix time. Raises OSError."""
    oldest = f"{database.stem}-{datetime.fromtimestamp(before_s, UTC).strftime(_STAMP)}.db"
    for one in _newest_first(database):
        if one.name < oldest:
            one.unlink(missing_ok=True)


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
