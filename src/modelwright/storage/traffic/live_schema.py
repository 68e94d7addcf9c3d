"""The tables of `live.db`, and how its connections are set up. Plain SQLite: a server needs no more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from modelwright.core.messages import MachineError, Problem, StateError
from modelwright.storage import disk, read_only
from modelwright.storage.state import backups
from modelwright.storage.write_ahead import use_write_ahead_log

BUSY_S = 10.0  # another process's transaction lasts milliseconds

# One entry per schema; entry n brings a database of version n to n + 1 (PRAGMA user_version). Never edit one.
_STEPS = (
    (
        """
        CREATE TABLE requests (
            n INTEGER PRIMARY KEY,      -- the order of arrival here
            id TEXT NOT NULL,           -- of the request; a caller may use one twice
            time REAL NOT NULL,         -- seconds since the epoch
            version INTEGER NOT NULL,
            inputs TEXT NOT NULL,       -- JSON by input, less what is private
            outputs TEXT,               -- JSON by output: value and confidence; NULL where the request failed
            confidence REAL,            -- the lowest of the outputs
            latency_s REAL NOT NULL,
            code INTEGER NOT NULL       -- the HTTP status
        )
        """,
        "CREATE INDEX requests_time ON requests (time, version)",
        "CREATE INDEX requests_id ON requests (id)",
        """
        CREATE TABLE feedback (
            request_id TEXT NOT NULL,
            output TEXT NOT NULL,
            value TEXT NOT NULL,        -- JSON: the truth
            time REAL NOT NULL,
            PRIMARY KEY (request_id, output)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE dropped (          -- not recorded: it came faster than the disk took it
            time REAL NOT NULL,
            rows INTEGER NOT NULL
        )
        """,
        """
        CREATE TABLE leases (
            name TEXT PRIMARY KEY,
            holder TEXT NOT NULL,
            until REAL NOT NULL,        -- seconds since the epoch
            term INTEGER NOT NULL       -- grows with every change of the holder
        ) WITHOUT ROWID
        """,
    ),
    (
        # JSON: the inputs whose value training never showed; NULL where there is none
        "ALTER TABLE requests ADD COLUMN unseen TEXT",
    ),
    (
        # 1: a copy of a request, answered by a version that is only watched; the request's own row has the same id
        "ALTER TABLE requests ADD COLUMN mirrored INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # Truths of several keys stand beside each other, so that none can overwrite another's; '' is no key.
        "ALTER TABLE feedback RENAME TO feedback_without_key",
        """
        CREATE TABLE feedback (
            request_id TEXT NOT NULL,
            output TEXT NOT NULL,
            key TEXT NOT NULL,          -- the name of the key that reported it
            value TEXT NOT NULL,        -- JSON: the truth; of one key, the latest
            time REAL NOT NULL,
            PRIMARY KEY (request_id, output, key)
        ) WITHOUT ROWID
        """,
        "INSERT INTO feedback SELECT request_id, output, '', value, time FROM feedback_without_key",
        "DROP TABLE feedback_without_key",
    ),
    (
        # of an answer that was written token by token: until its first token, and how fast it was written after it
        "ALTER TABLE requests ADD COLUMN first_s REAL",
        "ALTER TABLE requests ADD COLUMN tokens_per_second REAL",
    ),
    (
        # Reports are numbered, and never twice by the same number, so that one may read on from where one has read.
        "ALTER TABLE feedback RENAME TO feedback_without_number",
        """
        CREATE TABLE feedback (
            n INTEGER PRIMARY KEY AUTOINCREMENT,
            request_id TEXT NOT NULL,
            output TEXT NOT NULL,
            key TEXT NOT NULL,          -- the name of the key that reported it
            value TEXT NOT NULL,        -- JSON: the truth; of one key, the latest
            time REAL NOT NULL,
            UNIQUE (request_id, output, key)
        )
        """,
        "INSERT INTO feedback (request_id, output, key, value, time)"
        " SELECT request_id, output, key, value, time FROM feedback_without_number ORDER BY time",
        "DROP TABLE feedback_without_number",
    ),
)


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection; transactions are begun by hand. What cannot be written here is read."""
    if not read_only.is_writable(path):
        return _reading(path)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last second of the record
    return connection


def _reading(path: Path) -> sqlite3.Connection:
    if path.exists():
        return read_only.connect(path)
    empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statements in _STEPS:
        for statement in statements:
            empty.execute(statement)
    return empty


def make(path: Path) -> None:
    """Make the database, or copy it and bring it up to date, where it can be written. Raises StateError."""
    if not read_only.is_writable(path):
        return
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(connect(path)) as connection:
            if _version(connection) == len(_STEPS):
                return
            # Both must precede the first table, and neither may stand in a transaction.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that `prune` can give space back
            use_write_ahead_log(connection.execute, BUSY_S)
            with transaction(connection):
                version = _version(connection)
                if version > len(_STEPS):
                    raise _newer(version, path)
                if version:
                    # what it was before; one alone, for it holds what clients have sent
                    backups.take(path, datetime.now(UTC), kept=1)
                for number in range(version, len(_STEPS)):
                    for statement in _STEPS[number]:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {number + 1}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Own the write for the length of the block; commit at its end, undo on an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has undone it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite or the disk says is wrong into a StateError or MachineError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if disk.database_is_full(error, path):
            raise MachineError(disk.full(path)) from error
        raise StateError(Problem("live.unusable", where=str(path), error=str(error))) from error


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _newer(found: int, path: Path) -> StateError:
    return StateError(Problem("live.newer", where=str(path), schema=found, known=len(_STEPS)))
