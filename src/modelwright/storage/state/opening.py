"""Opens the state database: connects, brings an older schema up to date, and says what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, SingletonThreadPool, StaticPool

from modelwright.core.messages import MachineError, Problem, StateError
from modelwright.storage import disk, read_only
from modelwright.storage.state import backups
from modelwright.storage.state.schema import HEAD
from modelwright.storage.write_ahead import use_write_ahead_log

SHOWN_TABLES = 5
BUSY_S = 30.0  # how long a process waits for another's transaction; ours last milliseconds
_MIGRATIONS = Path(__file__).parent / "migrations"
_DAMAGED = ("file is not a database", "malformed", "unsupported file format")
# Serialises all writers of a PostgreSQL database, as SQLite does by itself; the number only has to be ours.
_POSTGRES_LOCK = 0x6D6F64656C777274


def connect(where: str | Path) -> Engine:
    """Open a database by its path (SQLite) or URL and bring its schema up to date.

    Raises StateError for one that is damaged, foreign, newer than this version of Modelwright, or out of
    reach, and MachineError on a full disk.
    """
    place = str(where)
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
            place = url.render_as_string(hide_password=True)
            engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise _unusable(str(error), place) from None
        if engine.dialect.name not in {"sqlite", "postgresql"}:
            raise StateError(Problem("state.dialect", where=place, dialect=engine.dialect.name))
    else:
        path = Path(where)
        with explained(place):
            path.parent.mkdir(parents=True, exist_ok=True)
        # The path is no text of a URL, in which `?` and `%` would mean something.
        engine = _engine(URL.create("sqlite", database=os.fspath(path.absolute())))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    with explained(place):
        _bring_up_to_date(engine, place)
    return engine


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    # A connection for each use: nothing is shared with a forked child, and opening takes 0.2 ms. One that a pool keeps
    # would change the file whenever it is collected, by what its write-ahead log still holds. In memory, a database is
    # gone with its connection.
    return create_engine(url, poolclass=SingletonThreadPool if file_of_url(url) is None else NullPool)


def file_of(where: str | Path) -> Path | None:
    """Return the file that a path or URL names as an SQLite database, None for a server (or one in memory)."""
    if not isinstance(where, str) or "://" not in where:
        return Path(where).absolute()
    try:
        url = make_url(where)
    except ArgumentError:
        return None  # `connect` says what is wrong with it
    return file_of_url(url)


def file_of_url(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for a server (or one in memory)."""
    if url.get_backend_name() != "sqlite" or url.query.get("mode") == "memory":
        return None
    path = url.database or ""
    if path.startswith("file:") and "uri" in url.query:  # https://www.sqlite.org/uri.html
        path = unquote(urlsplit(path).path)
    return Path(path).absolute() if path not in {"", ":memory:"} else None


def snapshot(path: Path) -> Engine:
    """Return what a database holds that cannot be written here, in memory and up to date; nothing where there is none.

    Raises StateError as `connect` does.
    """
    with explained(str(path)):
        try:
            held = (
                read_only.in_memory(path)
                if path.exists()
                else sqlite3.connect(":memory:", check_same_thread=False)
            )
        except sqlite3.DatabaseError as error:
            raise StateError(Problem("state.damaged", where=str(path), error=str(error))) from error
    engine = create_engine("sqlite://", creator=lambda: held, poolclass=StaticPool)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with explained(str(path)):
        _bring_up_to_date(engine, str(path))
    return engine


def shown(engine: Engine) -> str:
    """Return where a database is, as messages show it: a path as it is written, a server without its password."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        return engine.url.database
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that no other writer overlaps, and commit it."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRES_LOCK})
        yield connection


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what a database or its disk says is wrong into a StateError or MachineError."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        if disk.database_is_full(error, where):
            raise MachineError(disk.full(Path(where))) from error
        if any(word in reason for word in _DAMAGED):
            raise StateError(Problem("state.damaged", where=where, error=reason)) from error
        raise _unusable(reason, where) from error
    except sqlite3.Error as error:  # of a copy that is made before the schema changes
        if disk.database_is_full(error, where):
            raise MachineError(disk.full(Path(where))) from error
        raise _unusable(str(error), where) from error
    except OSError as error:
        raise _unusable(error.strerror or str(error), where) from error


def _unusable(error: str, where: str) -> StateError:
    return StateError(Problem("state.unusable", where=where, error=error))


def _set_up_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions by itself, and too late
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
    use_write_ahead_log(cursor.execute, BUSY_S)
    cursor.execute("PRAGMA synchronous = FULL")  # a release that was acknowledged survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes must own the write from its start: SQLite refuses, without
    # waiting, to promote a reader whose view is out of date.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bring_up_to_date(engine: Engine, where: str) -> None:
    with engine.begin() as connection:
        if _revision(connection, where) == HEAD:
            return
    with writing(engine) as connection:  # whoever is second finds it done
        if _revision(connection, where) != HEAD:
            _migrate(connection, where)


def _revision(connection: Connection, where: str) -> str | None:
    """Return the database's revision, None for an empty one; raises StateError for somebody else's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables:
            raise StateError(
                Problem("state.foreign", where=where, tables=", ".join(sorted(tables)[:SHOWN_TABLES]))
            )
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _migrate(connection: Connection, where: str) -> None:
    from alembic import command  # slow to load, and needed only when the schema changes
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    revision = _revision(connection, where)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StateError(Problem("state.newer", where=where, revision=revision, head=HEAD))
    file = file_of_url(connection.engine.url)
    if revision is not None and file is not None:
        backups.take(file, datetime.now(UTC))  # what it was before; a server's copies are its keeper's
    command.upgrade(config, "head")
