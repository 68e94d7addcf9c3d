"""What the state database writes down, to the last value: releases, the audit log, copies, refusals, reading alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select, text

from modelwright.core.messages import MachineError, StateError
from modelwright.storage import read_only
from modelwright.storage.state import audit, backups, evaluations, opening, releases, schema, versions
from modelwright.storage.state.database import Entry, Release, State, Status, Version

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)


def at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


class Clock:
    """One second later at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return at(self.looks)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "state.db"
    State.open(path)
    return path


@pytest.fixture
def path(empty, tmp_path):
    shutil.copyfile(empty, tmp_path / "state.db")
    return tmp_path / "state.db"


@pytest.fixture
def state(path):
    return State.open(path, Clock())


def register(state: State, name: str, **changes) -> int:
    given = {
        "package_digest": f"p{name}", "evidence_digest": f"e{name}", "champion_digest": f"c{name}",
        "package_key": f"pk{name}", "evidence_key": f"ek{name}",
    }  # fmt: skip
    return state.register_version(**(given | changes))


def problem(call, *given):
    with pytest.raises(StateError) as caught:
        call(*given)
    (one,) = caught.value.problems
    return one.id, {**one.values, **({} if one.where is None else {"where": one.where})}


# -- versions ------------------------------------------------------------------------------------------------


def test_a_version_is_all_that_was_given(state):
    assert register(state, "a") == 1
    assert register(state, "b", by="carol") == 2
    assert state.versions() == [
        Version(1, "pa", "ea", "ca", "pka", "eka", at(1)),
        Version(2, "pb", "eb", "cb", "pkb", "ekb", at(2)),
    ]
    assert state.version(2) == state.versions()[1]
    assert state.audit() == [
        Entry(2, at(2), "carol", "version.registered", {"version": 2, "package": "pb", "evidence": "eb"}),
        Entry(1, at(1), "run", "version.registered", {"version": 1, "package": "pa", "evidence": "ea"}),
    ]


def test_a_package_with_other_evidence_is_another_version(state):
    assert [register(state, "a"), register(state, "a", evidence_digest="x"), register(state, "b")] == [
        1,
        2,
        3,
    ]
    assert register(state, "a", package_digest="y") == 4
    assert register(state, "a") == 1
    assert len(state.audit()) == 4


@pytest.mark.parametrize("changes", [{"package_key": "new"}, {"evidence_key": "new"}, {}])
def test_keys_follow_the_latest_registration_and_nothing_else_does(state, changes):
    register(state, "a")
    register(state, "b")
    assert register(state, "a", champion_digest="other", **changes) == 1
    known = {"package_key": "pka", "evidence_key": "eka"} | changes
    assert state.version(1) == Version(1, "pa", "ea", "ca", created_at=at(1), **known)
    assert state.version(2).package_key == "pkb"


def test_a_version_that_is_not_there(state, path):
    assert problem(state.version, 4) == ("state.unknown-version", {"where": str(path), "version": 4})
    with state._read() as connection:
        assert versions.find(connection, 4) is None


# -- evaluations ---------------------------------------------------------------------------------------------


def test_an_evaluation_is_written_down(state):
    assert state.register_evaluation("t", "pa", ["0a"], by="dora") == 1
    assert state.register_evaluation("t", "pa", ["0a"]) == 1
    assert state.register_evaluation("t2", "pb", ["0a"]) == 2
    assert [(one.actor, one.action, one.at, one.detail) for one in state.audit()] == [
        ("run", "test.evaluated", at(3), {"test": "t2", "package": "pb", "k": 2}),
        ("dora", "test.evaluated", at(1), {"test": "t", "package": "pa", "k": 1}),
    ]
    with state._read() as connection:
        rows = connection.execute(select(schema.evaluations)).all()
        assert [tuple(row) for row in rows] == [("t", "pa", 1, at(1)), ("t", "pb", 2, at(3))]
        sets = connection.execute(select(schema.test_sets)).all()
        assert [tuple(row) for row in sets] == [("t", "t", ["0a"]), ("t2", "t", ["0a"])]


def test_numbers_are_asked_for_by_set_and_package(state):
    assert [state.register_evaluation("t", name) for name in "ab"] == [1, 2]
    assert [state.register_evaluation("u", name) for name in "xyz"] == [1, 2, 3]
    assert [state.evaluation_number("t", name) for name in "abc"] == [1, 2, 3]
    assert [state.evaluation_number("u", name) for name in "yxa"] == [2, 1, 4]
    assert state.evaluation_number("never", "a") == 1
    assert (state.evaluations("t"), state.evaluations("u"), state.evaluations("never")) == (2, 3, 0)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("abcd", "abcd", 1.0),
        ("abcd", "efgh", 0.0),
        ("ab", "abcd", 0.5),
        ("abcd", "ab", 0.5),
        ("abef", "abcd", 0.5),  # the four least of a b c d e f: of these a and b are in both
        ("", "", 0.0),
        ("", "ab", 0.0),
    ],
)
def test_the_share_of_common_rows(one, other, share):
    assert evaluations.common_share(list(one), list(other)) == share


def test_the_family_is_that_of_the_set_most_alike(state):
    state.register_evaluation("half", "p", list("abcdqrst"))
    state.register_evaluation("most", "p", list("efghijkl"))
    assert state.evaluations("new", list("efghijkz")) == 1
    with state._read() as connection:
        family = evaluations.family
        assert family(connection, "new", list("efghijkl")) == "most"
        assert family(connection, "new", list("abcdwxyz")) == "half"  # exactly half of the rows
        assert family(connection, "new", list("abcwxyz0")) == "new"
        assert family(connection, "half", list("efghijkl")) == "half"  # a set that is known is its own


# -- releases ------------------------------------------------------------------------------------------------


def test_a_release_is_written_down_as_it_goes(state):
    register(state, "a")
    register(state, "b")
    first = state.request_release(1, "direct", "alice")
    assert first == Release(1, 1, "direct", Status.REQUESTED, at(3), None, "alice", "")
    assert state.releases() == [first]
    served = state.mark(1, "serving", "all traffic", by="carol")
    assert served == Release(1, 1, "direct", Status.SERVING, at(3), at(4), "alice", "all traffic")
    assert state.releases() == [served]
    second = state.request_release(2, "canary", "bob")
    assert second == Release(2, 2, "canary", Status.REQUESTED, at(5), None, "bob", "")
    assert state.mark(2, "serving") == Release(2, 2, "canary", Status.SERVING, at(5), at(6), "bob", "")
    assert state.releases() == [
        Release(1, 1, "direct", Status.RETIRED, at(3), at(6), "alice", "all traffic"),
        Release(2, 2, "canary", Status.SERVING, at(5), at(6), "bob", ""),
    ]
    assert [(one.actor, one.action, one.at, one.detail) for one in state.audit(4)] == [
        ("gateway", "release.serving", at(6), {"release": 2, "version": 2, "detail": ""}),
        ("bob", "release.requested", at(5), {"release": 2, "version": 2, "strategy": "canary"}),
        ("carol", "release.serving", at(4), {"release": 1, "version": 1, "detail": "all traffic"}),
        ("alice", "release.requested", at(3), {"release": 1, "version": 1, "strategy": "direct"}),
    ]


def test_who_serves_retires_only_who_served(state):
    for name in "abc":
        register(state, name)
    one, two, three = (state.request_release(number, "direct", "run") for number in (1, 2, 3))
    state.mark(two.id, "failed", "it crashed")
    state.mark(three.id, "serving")
    assert [release.status for release in state.releases()] == [
        Status.REQUESTED, Status.FAILED, Status.SERVING,
    ]  # fmt: skip
    assert [release.moved_at is None for release in state.releases()] == [True, False, False]
    moved = state.releases()[2].moved_at
    state.mark(three.id, "serving", "again")
    assert state.releases()[2].moved_at > moved
    state.mark(one.id, "retired", "never served")
    assert state.releases()[2].status is Status.SERVING
    assert (
        state.mark(two.id, "failed", "still") == state.releases()[1]
    )  # failed stays failed, and may say more


def test_the_release_that_should_serve_is_the_newest_that_lives(state):
    for name in "abc":
        register(state, name)
    for number in (1, 2, 3):
        state.request_release(number, "direct", "run")
    assert state.desired_release().version == 3
    with state._read() as connection:
        assert releases.current(connection).version == 3
        assert [one.version for one in releases.history(connection)] == [1, 2, 3]
    state.mark(3, "failed")
    assert state.desired_release().version == 2
    with state._read() as connection:
        assert releases.current(connection).version == 3
    again = state.request_release(3, "direct", "run")  # the newest request failed: a new one
    assert again.id == 4
    assert state.request_release(3, "direct", "run") == again
    assert state.released_versions() == (1, 2, 3)


def test_refusals_name_what_is_meant(state, path):
    register(state, "a")
    assert problem(state.request_release, 9, "direct", "run") == (
        "state.unknown-version", {"where": str(path), "version": 9},
    )  # fmt: skip
    assert problem(state.mark, 77, "serving") == ("state.unknown-release", {"release": 77})
    state.request_release(1, "direct", "run")
    state.mark(1, "failed")
    assert problem(state.mark, 1, "retired") == (
        "state.release-failed", {"release": 1, "version": 1, "status": "retired"},
    )  # fmt: skip
    with pytest.raises(ValueError, match="odd"):
        state.mark(1, "odd")


def test_a_rollback_goes_to_another_package(state):
    assert state.production() is None
    assert state.previous() is None
    register(state, "a")
    register(state, "b")
    register(state, "b", evidence_digest="newer")
    for number in (1, 2, 3):
        state.request_release(number, "direct", "run")
    assert (state.production().number, state.previous().number) == (3, 1)  # 2 is the same package as 3
    state.request_release(2, "direct", "run")
    assert (state.production().number, state.previous().number) == (2, 1)
    state.request_release(1, "direct", "run")
    assert (state.production().number, state.previous()) == (1, None)


# -- the audit log -------------------------------------------------------------------------------------------


def test_notes_are_entries(state):
    assert state.is_new()
    state.note("carol", "key.changed", {"b": [1, None], "a": {"é": 2.5}})
    assert not state.is_new()
    assert state.audit() == [Entry(1, at(1), "carol", "key.changed", {"b": [1, None], "a": {"é": 2.5}})]
    for number in range(120):
        state.note("x", "y", {"number": number})
    assert [one.detail["number"] for one in state.audit(3)] == [119, 118, 117]
    assert len(state.audit()) == 100
    with state._read() as connection:
        assert len(audit.newest(connection, 1000)) == 121


def test_a_detail_that_is_no_json_is_refused(state):
    with pytest.raises(ValueError, match="JSON"):
        state.note("x", "y", {"share": float("nan")})
    assert state.is_new()


# -- times ---------------------------------------------------------------------------------------------------


def test_a_time_is_kept_in_utc_and_needs_a_zone(path):
    state = State.open(path, lambda: datetime(2030, 1, 2, 21, 30, tzinfo=timezone(timedelta(hours=9))))
    state.note("x", "y", {})
    assert state.audit()[0].at == datetime(2030, 1, 2, 12, 30, tzinfo=UTC)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT at FROM audit").fetchone() == ("2030-01-02 12:30:00.000000",)
    with pytest.raises(AssertionError, match="a time needs a zone"):
        schema.UtcTime().process_bind_param(datetime(2030, 1, 2), None)
    assert schema.UtcTime().process_bind_param(None, None) is None
    assert schema.UtcTime().process_result_value(None, None) is None


def test_the_clock_is_that_of_utc(path):
    before = datetime.now(UTC)
    state = State.open(path)
    state.note("x", "y", {})
    assert before <= state.audit()[0].at <= datetime.now(UTC)


# -- copies --------------------------------------------------------------------------------------------------


def test_every_new_release_leaves_a_copy(state, path):
    register(state, "a")
    assert not (path.parent / "backups").exists()
    state.request_release(1, "direct", "run")
    state.request_release(1, "direct", "run")  # nothing new
    (copy,) = (path.parent / "backups").iterdir()
    assert copy.name == "state-20300102T120002.000000Z.db"
    assert State.open(copy).production() == state.production()


def test_a_copy_that_fails_leaves_the_release_and_is_written_down(state, path):
    register(state, "a")
    (path.parent / "backups").write_text("a file stands where the folder should")
    release = state.request_release(1, "direct", "run")
    assert state.desired_release() == release
    newest = state.audit(1)[0]
    assert (newest.actor, newest.action, list(newest.detail)) == ("state", "backup.failed", ["error"])
    assert "File exists" in newest.detail["error"]


def test_copies_are_named_by_time_and_the_newest_stay(path):
    place = path.parent / "backups"
    for second in range(backups.KEPT + 3):
        target = backups.take(path, at(second))
        assert target == place / f"state-20300102T1200{second:02}.000000Z.db"
    (place / "other-20290102T120000.000000Z.db").touch()  # not ours
    kept = sorted(one.name for one in place.glob("state-*"))
    assert kept == [f"state-20300102T1200{second:02}.000000Z.db" for second in range(3, 13)]
    assert [one.name for one in backups.good(path)] == kept[::-1]
    assert backups.folder(path) == place


def test_a_copy_is_whole_and_stands_alone(path):
    state = State.open(path)
    state.note("x", "y", {})
    target = backups.take(path, NOON)
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT action FROM audit").fetchall() == [("y",)]
    assert sorted(one.name for one in target.parent.iterdir()) == [target.name]  # no log, no half


def test_a_copy_that_breaks_off_leaves_no_half(path, monkeypatch):
    def half(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(backups, "copy", half)
    with pytest.raises(sqlite3.OperationalError):
        backups.take(path, NOON)
    assert list((path.parent / "backups").iterdir()) == []


def test_only_whole_copies_are_good(path):
    whole = backups.take(path, at(0))
    for second, bytes_ in ((1, b"no database" * 1000), (2, b""), (3, whole.read_bytes()[:5000])):
        (whole.parent / f"state-20300102T12000{second}.000000Z.db").write_bytes(bytes_)
    newest = backups.take(path, at(4))
    assert list(backups.good(path)) == [newest, whole]
    assert list(backups.good(path.parent / "elsewhere" / "state.db")) == []


# -- where it is ---------------------------------------------------------------------------------------------


def test_a_place_is_a_path_or_a_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "a" / "state.db"
    assert opening.file_of(here) == here
    assert opening.file_of("a/state.db") == here
    assert opening.file_of(f"sqlite:///{here}") == here
    assert opening.file_of("sqlite:///a/state.db") == here
    assert opening.file_of("sqlite+pysqlite:///a/state.db") == here
    for none in ("sqlite://", "sqlite:///:memory:", "postgresql://u:p@host/db", "no such://thing"):
        assert opening.file_of(none) is None


def test_a_place_is_shown_without_its_password(path):
    assert State.open(path).where == str(path)
    assert State.open(f"sqlite:///{path}").where == str(path)
    assert opening.shown(create_engine("sqlite://")) == "sqlite://"

    class Server:
        class dialect:  # noqa: N801
            name = "postgresql"

        url = opening.make_url("postgresql://me:secret@host/db")

    assert opening.shown(Server) == "postgresql://me:***@host/db"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
    ],
)
def test_a_database_in_memory_has_no_file(url):
    state = State.open(url)
    assert state.file is None
    assert state.versions() == []


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_the_file_of_a_url_is_the_one_that_is_opened(tmp_path, form):
    place = tmp_path / "state.db"
    assert State.open(form.format(place)).file == place
    assert place.is_file()


def test_folders_are_made(tmp_path):
    deep = tmp_path / "a" / "b" / "state.db"
    assert State.open(deep).versions() == []
    assert State.open(deep).file == deep


def test_how_sqlite_is_set_up(state):
    with state._read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("busy_timeout", "journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"busy_timeout": 30000, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_writer_owns_the_database_from_its_start(path):
    state = State.open(path)
    with closing(sqlite3.connect(path, timeout=0)) as other:
        with state._write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        with state._read():
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")


# -- what can be wrong ---------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_with_its_place(tmp_path):
    damaged = tmp_path / "text.db"
    damaged.write_text("this is not a database, and long enough to be looked at " * 20)
    assert problem(State.open, damaged) == (
        "state.damaged", {"where": str(damaged), "error": "file is not a database"},
    )  # fmt: skip
    foreign = tmp_path / "other.db"
    with closing(sqlite3.connect(foreign)) as other:
        for name in "gfedcba":
            other.execute(f"CREATE TABLE {name} (x)")
    assert problem(State.open, foreign) == (
        "state.foreign", {"where": str(foreign), "tables": "a, b, c, d, e"},
    )  # fmt: skip
    (tmp_path / "folder.db").mkdir()
    assert problem(State.open, tmp_path / "folder.db") == (
        "state.unusable", {"where": str(tmp_path / "folder.db"), "error": "unable to open database file"},
    )  # fmt: skip
    assert problem(State.open, damaged / "below") == (
        "state.unusable", {"where": str(damaged / "below"), "error": "File exists"},
    )  # fmt: skip


def test_a_url_that_nobody_can_open_is_said_without_its_password():
    id_, values = problem(State.open, "oddbase://me:secret@host/db")
    assert (id_, values["where"]) == ("state.unusable", "oddbase://me:***@host/db")
    assert "oddbase" in values["error"]
    id_, values = problem(State.open, "no such://thing")
    assert (id_, values["where"]) == ("state.unusable", "no such://thing")
    assert values["error"]


def test_a_dialect_that_is_none_of_ours(monkeypatch):
    class Engine:
        class dialect:  # noqa: N801
            name = "mysql"

    monkeypatch.setattr(opening, "create_engine", lambda url: Engine)
    assert problem(opening.connect, "mysql://me:secret@host/db") == (
        "state.dialect", {"where": "mysql://me:***@host/db", "dialect": "mysql"},
    )  # fmt: skip


def test_a_newer_schema_is_named(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    newer = {"where": str(path), "revision": "9999", "head": schema.HEAD}
    assert problem(State.open, path) == ("state.newer", newer)


@pytest.mark.parametrize("reason", ["database disk image is malformed", "unsupported file format"])
def test_damage_that_shows_later(reason):
    def broken() -> None:
        with opening.explained("here.db"):
            raise opening.DBAPIError("SELECT", {}, sqlite3.DatabaseError(reason))

    assert problem(broken) == ("state.damaged", {"where": "here.db", "error": reason})


def test_other_troubles_of_a_database_and_its_disk():
    def raised(error: Exception) -> None:
        with opening.explained("here.db"):
            raise error

    locked = opening.DBAPIError("SELECT", {}, sqlite3.OperationalError("database is locked"))
    assert problem(raised, locked) == (
        "state.unusable", {"where": "here.db", "error": "database is locked"},
    )  # fmt: skip
    assert problem(raised, PermissionError(13, "Permission denied", "x")) == (
        "state.unusable", {"where": "here.db", "error": "Permission denied"},
    )  # fmt: skip
    assert problem(raised, OSError("plain")) == ("state.unusable", {"where": "here.db", "error": "plain"})
    full = opening.DBAPIError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
    with pytest.raises(MachineError) as caught:
        raised(full)
    assert dict(caught.value.problems[0].values) == {"path": "here.db"}
    with pytest.raises(ZeroDivisionError):
        raised(ZeroDivisionError())


# -- where nothing may be written ----------------------------------------------------------------------------


@pytest.fixture
def read_alone(monkeypatch):
    monkeypatch.setattr(read_only, "is_writable", lambda path: False)


def test_what_cannot_be_written_is_read(path, monkeypatch):
    State.open(path, Clock()).note("x", "y", {"a": 1})
    before = path.read_bytes()
    monkeypatch.setattr(read_only, "is_writable", lambda path: False)
    state = State.open(path)
    assert [one.detail for one in state.audit()] == [{"a": 1}]
    assert (state.file, state.where, state.is_new()) == (path, str(path), False)
    refused = ("state.read-only", {"where": str(path)})
    assert problem(state.note, "x", "y", {}) == refused
    assert problem(state.request_release, 1, "direct", "x") == refused
    assert path.read_bytes() == before


def test_an_older_database_that_cannot_be_written_is_brought_up_to_date_in_memory(tmp_path, monkeypatch):
    older = tmp_path / "older.db"
    with opening.writing(create_engine(f"sqlite:///{older}")) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
        command.upgrade(config, "0002")
    before = older.read_bytes()
    monkeypatch.setattr(read_only, "is_writable", lambda path: False)
    assert State.open(older).evaluations("t") == 0
    assert older.read_bytes() == before


@pytest.mark.usefixtures("read_alone")
def test_a_database_that_is_not_there_is_empty_and_not_made(tmp_path):
    state = State.open(tmp_path / "none.db")
    assert state.is_new()
    assert state.versions() == []
    assert state.file == tmp_path / "none.db"
    assert list(tmp_path.iterdir()) == []
    by_url = State.open(f"sqlite:///{tmp_path / 'none.db'}")
    assert problem(by_url.note, "x", "y", {})[0] == "state.read-only"


@pytest.mark.usefixtures("read_alone")
def test_damage_is_said_where_nothing_may_be_written(tmp_path):
    damaged = tmp_path / "text.db"
    damaged.write_text("this is not a database, and long enough to be looked at " * 20)
    assert problem(State.open, damaged) == (
        "state.damaged", {"where": str(damaged), "error": "file is not a database"},
    )  # fmt: skip
    foreign = tmp_path / "other.db"
    with closing(sqlite3.connect(foreign)) as other:
        other.execute("CREATE TABLE theirs (x)")
    assert problem(State.open, foreign) == ("state.foreign", {"where": str(foreign), "tables": "theirs"})


def test_the_lock_of_a_server_is_one_number_for_all():
    """Two programs of unlike versions must hold the same lock."""
    assert int.from_bytes(b"modelwrt", "big") == opening._POSTGRES_LOCK
    said = []

    class Connection:
        def execute(self, statement, values):
            said.append((str(statement), values))

        def execution_options(self, **options):
            said.append(options)
            return self

        def begin(self):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    class Server:
        class dialect:  # noqa: N801
            name = "postgresql"

        connect = Connection

    with opening.writing(Server) as connection:
        assert isinstance(connection, Connection)
    assert said == [
        {"writes": True},
        (str(text("SELECT pg_advisory_xact_lock(:lock)")), {"lock": opening._POSTGRES_LOCK}),
    ]
