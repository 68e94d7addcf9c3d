from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, text

from modelwright.core.messages import MachineError, StateError
from modelwright.storage.state import backups, opening, releases, schema
from modelwright.storage.state.database import Release, State, Status

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
POSTGRES = os.environ.get("MODELWRIGHT_TEST_POSTGRES")  # the URL of a database that the tests may empty


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    if request.param == "sqlite":
        yield tmp_path / ".modelwright" / "state.db"
        return
    if POSTGRES is None:
        pytest.skip("MODELWRIGHT_TEST_POSTGRES names no database")
    engine = create_engine(POSTGRES)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    yield POSTGRES


@pytest.fixture
def state(where: str | Path) -> Iterator[State]:
    opened = State.open(where, Clock())
    yield opened
    opened._engine.dispose()


def register(state: State, name: str, **changes: str | None) -> int:
    given = {
        "package_digest": f"p{name}",
        "evidence_digest": f"e{name}",
        "champion_digest": None,
        "package_key": f"pk{name}",
        "evidence_key": f"ek{name}",
    }
    return state.register_version(**(given | changes))


def test_a_version_is_a_package_and_its_evidence(state: State) -> None:
    assert state.versions() == []
    assert [register(state, "a"), register(state, "b"), register(state, "a")] == [1, 2, 1]
    assert register(state, "b", evidence_digest="other", champion_digest="pa") == 3
    assert [version.number for version in state.versions()] == [1, 2, 3]
    third = state.version(3)
    assert (third.package_digest, third.evidence_digest, third.champion_digest) == ("pb", "other", "pa")
    assert third.created_at == NOON + timedelta(seconds=4)
    with pytest.raises(StateError) as caught:
        state.version(4)
    assert caught.value.problems[0].id == "state.unknown-version"


def test_the_keys_of_a_version_follow_its_latest_registration(state: State) -> None:
    register(state, "a")
    register(state, "a", package_key="kept", evidence_key="again")
    assert (state.version(1).package_key, state.version(1).evidence_key) == ("kept", "again")


def test_looks_count_distinct_packages_on_a_test_set(state: State) -> None:
    assert [state.register_evaluation("t", package) for package in "aba"] == [1, 2, 1]
    assert state.register_evaluation("other", "a") == 1
    assert (state.evaluations("t"), state.evaluations("other"), state.evaluations("none")) == (2, 1, 0)


def test_looks_at_mostly_the_same_rows_count_together(state: State) -> None:
    rows = [f"{row:016x}" for row in range(100, 164)]
    grown = sorted([*rows[:60], *(f"{row:016x}" for row in range(4))])[:64]
    fresh = [f"{row:016x}" for row in range(900, 964)]
    assert state.register_evaluation("t", "a", rows) == 1
    assert state.register_evaluation("other inputs", "b", rows) == 2, "another digest of the same rows"
    assert state.evaluations("grown", grown) == 2
    assert state.register_evaluation("grown", "c", grown) == 3
    assert state.register_evaluation("grown", "a", grown) == 1, (
        "a package keeps its number in the whole family"
    )
    assert state.register_evaluation("fresh", "d", fresh) == 1, "fresh rows have all of their proof"
    assert state.evaluations("t", rows) == 3


def test_a_request_is_written_once(state: State) -> None:
    register(state, "a")
    assert state.desired_release() is None
    assert state.production() is None
    first = state.request_release(1, "direct", "run")
    assert (first.status, first.requested_at.tzinfo, first.moved_at) == (Status.REQUESTED, UTC, None)
    assert state.request_release(1, "canary", "someone") == first == state.desired_release()
    assert state.production() == state.version(1)
    with pytest.raises(StateError) as caught:
        state.request_release(9, "direct", "run")
    assert caught.value.problems[0].id == "state.unknown-version"


def test_what_became_of_a_release_is_marked(state: State) -> None:
    for name in "ab":
        register(state, name)
    first = state.request_release(1, "direct", "run")
    state.mark(first.id, "serving")
    second = state.request_release(2, "direct", "run")
    assert state.mark(second.id, "serving", "all traffic").detail == "all traffic"
    statuses = {release.id: release.status for release in state.releases()}
    assert statuses == {first.id: Status.RETIRED, second.id: Status.SERVING}
    state.mark(second.id, "failed", "it crashed")
    wanted = state.desired_release()
    assert wanted is not None
    assert wanted.id == first.id, "a gateway that starts anew does not try again what failed"
    assert state.production() == state.version(1)
    assert state.released_versions() == (1,)
    with pytest.raises(StateError) as caught:
        state.mark(second.id, "serving")
    assert caught.value.problems[0].id == "state.release-failed"
    with pytest.raises(StateError) as caught:
        state.mark(77, "serving")
    assert caught.value.problems[0].id == "state.unknown-release"
    again = state.request_release(2, "direct", "run")
    assert again.id > second.id
    assert again.status is Status.REQUESTED


def test_rolling_back_twice_goes_back_two_steps(state: State) -> None:
    for name in "abc":
        state.request_release(register(state, name), "direct", "run")
    passed = []
    while (target := state.previous()) is not None:
        passed.append(target.number)
        state.request_release(target.number, "direct", "rollback")
    assert passed == [2, 1]
    assert state.production() == state.version(1)
    assert state.released_versions() == (1, 2, 3)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12))
def test_the_standing_of_any_history(history: list[tuple[int, bool]]) -> None:
    past = [
        Release(i, version, "direct", Status.FAILED if failed else Status.RETIRED, NOON, None, "x", "")
        for i, (version, failed) in enumerate(history)
    ]
    alive = [version for version, failed in history if not failed]
    stack = releases.standing(past)
    assert len(stack) == len(set(stack))
    assert set(stack) <= set(alive)
    assert stack[-1:] == alive[-1:]  # what was requested last is in production


def test_everything_is_in_the_audit_log_once(state: State) -> None:
    number = register(state, "a")
    register(state, "a")
    state.register_evaluation("t", "pa")
    state.register_evaluation("t", "pa")
    release = state.request_release(number, "direct", "alice")
    state.request_release(number, "direct", "bob")
    state.mark(release.id, "serving")
    state.note("carol", "key.changed", {"of": "serve"})
    log = [(entry.actor, entry.action) for entry in reversed(state.audit())]
    assert log == [
        ("run", "version.registered"),
        ("run", "test.evaluated"),
        ("alice", "release.requested"),
        ("gateway", "release.serving"),
        ("carol", "key.changed"),
    ]
    assert state.audit(1)[0].detail == {"of": "serve"}
    assert all(a.at >= b.at for a, b in pairwise(state.audit()))


def test_a_failed_transaction_leaves_nothing(state: State) -> None:
    register(state, "a")
    before = state.audit()
    with pytest.raises(StateError):
        state.request_release(5, "direct", "run")
    with pytest.raises(TypeError, match="not JSON serializable"):
        state.note("x", "y", {"not json": object()})
    assert state.audit() == before
    assert state.releases() == []


def test_times_keep_their_instant_whatever_their_zone(where: str | Path) -> None:
    there = datetime(2030, 1, 2, 21, tzinfo=timezone(timedelta(hours=9)))
    state = State.open(where, lambda: there)
    register(state, "a")
    assert state.version(1).created_at == there
    assert state.version(1).created_at.utcoffset() == timedelta(0)
    state._engine.dispose()


# -- several processes ---------------------------------------------------------------------------------------

WORKER = r"""
import sys
from modelwright.storage.state.database import State
where, me = sys.argv[1], int(sys.argv[2])
sys.stdout.write("ready\n"); sys.stdout.flush()
sys.stdin.readline()
state = State.open(where)
for i in range(12):
    state.register_evaluation("t", f"p{(i + me) % 12}")
    version = state.register_version(package_digest=f"p{(i + me) % 12}", evidence_digest="e",
                                     champion_digest=None, package_key="k", evidence_key="k")
    state.request_release(version, "direct", f"worker {me}")
"""


def test_processes_at_once_agree(where: str | Path) -> None:
    """Four processes make the database together and each registers the same twelve versions."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(where), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.close()
    assert [worker.wait(60) for worker in workers] == [0] * 4
    for worker in workers:
        worker.stdout.close()
    state = State.open(where)
    assert [version.number for version in state.versions()] == list(range(1, 13))
    assert len({version.package_digest for version in state.versions()}) == 12
    assert sorted(state.register_evaluation("t", f"p{i}") for i in range(12)) == list(range(1, 13))
    desired_releases = state.releases()
    assert all(a.version != b.version for a, b in pairwise(desired_releases))
    actions = [entry.action for entry in state.audit(1000)]
    assert actions.count("version.registered") == actions.count("test.evaluated") == 12
    assert actions.count("release.requested") == len(desired_releases)
    state._engine.dispose()


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_reading_and_repeating_leave_the_file_as_it_is(tmp_path: Path, form: str) -> None:
    """The stamp of a run watches the file: a run with nothing new to say must not touch it."""
    path = tmp_path / "state.db"
    place = form.format(path)
    state = State.open(place)
    register(state, "a")
    state.register_evaluation("t", "pa")
    state.request_release(1, "direct", "run")
    before = path.stat()
    again = State.open(place)
    register(again, "a")
    again.register_evaluation("t", "pa")
    again.request_release(1, "direct", "run")
    assert (again.production(), again.evaluations("t")) == (state.version(1), 1)
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
    assert not path.with_name("state.db-wal").exists()


# -- the schema ----------------------------------------------------------------------------------------------


def test_opening_a_current_database_does_not_load_alembic(tmp_path: Path) -> None:
    State.open(tmp_path / "state.db")
    script = (
        "import sys\nfrom modelwright.storage.state.database import State\n"
        f"State.open({str(tmp_path / 'state.db')!r}).versions()\n"
        "assert 'alembic' not in sys.modules, 'alembic is loaded'"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_migrations_lead_to_the_schema(where: str | Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    engine = opening.connect(where)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        config = Config()
        config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
        assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
        assert context.get_current_revision() == schema.HEAD
    engine.dispose()


OURS = (
    "versions/v0001_first.py",
    "versions/v0002_test_sets.py",
    "versions/v0003_words.py",
    "versions/v0004_rollouts.py",
)
ROWS_OF_0001 = """
INSERT INTO versions VALUES (1, 'pa', 'ea', NULL, 'ka', 'la', '2026-01-02 03:04:05.000000');
INSERT INTO looks VALUES ('t', 'pa', 1, '2026-01-02 03:04:06.000000');
INSERT INTO looks VALUES ('t', 'pb', 2, '2026-01-02 03:04:07.000000');
INSERT INTO releases VALUES (1, 1, 'direct', 'retired', '2026-01-02 03:04:08', '2026-01-02 03:05:00', 'run', 'x');
INSERT INTO releases VALUES (2, 1, 'direct', 'wished', '2026-01-02 03:04:09', NULL, 'alice', '');
INSERT INTO audit VALUES (1, '2026-01-02 03:04:06', 'run', 'test.looked', '{"k": 1}');
INSERT INTO audit VALUES (2, '2026-01-02 03:04:08', 'run', 'release.wished', '{"release": 1}');
INSERT INTO audit VALUES (3, '2026-01-02 03:04:10', 'gateway', 'release.serving', '{"release": 1}')
"""
ROWS_OF_0002 = """
INSERT INTO test_sets VALUES ('t', 't', '["0a", "0b"]');
INSERT INTO test_sets VALUES ('t2', 't', '["0a", "0c"]')
"""


def rows_of(revision: str) -> str:
    """Return the statements that fill a database of an earlier schema."""
    first = ROWS_OF_0001
    if revision == "0003":  # the words of 0003
        first = (
            first.replace("looks", "evaluations")
            .replace("wished", "requested")
            .replace("test.looked", "test.evaluated")
        )
    return first if revision == "0001" else f"{first};{ROWS_OF_0002}"


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_a_database_of_an_earlier_schema_keeps_every_row(where: str | Path, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    engine = opening.connect(where)
    with engine.begin() as connection:  # back to nothing, then up to the earlier schema, as it was made then
        schema.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    with opening.writing(engine) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
        command.upgrade(config, revision)
        for statement in (rows_of(revision)).split(";"):
            connection.exec_driver_sql(statement)
    engine.dispose()
    state = State.open(where)
    assert state.version(1).evidence_key == "la"
    assert state.evaluations("t") == 2
    assert [state.register_evaluation("t", name) for name in ("pb", "pa", "pc")] == [2, 1, 3]
    assert state.evaluations("t2") == (0 if revision == "0001" else 3)
    retired, requested = state.releases()
    assert (retired.status, retired.by, retired.detail) == (Status.RETIRED, "run", "x")
    assert retired.moved_at == datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    assert (requested.status, requested.moved_at) == (Status.REQUESTED, None)
    assert requested.requested_at == datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC)
    actions = [(entry.action, entry.detail) for entry in reversed(state.audit())]
    assert actions[:3] == [
        ("test.evaluated", {"k": 1}), ("release.requested", {"release": 1}), ("release.serving", {"release": 1}),
    ]  # fmt: skip
    assert (requested.settings, requested.step, requested.champion) == (None, 0, None)
    assert state.decisions(1) == []
    if state.file is not None:  # and what it was before lies beside it
        (copy,) = backups.good(state.file)
        with closing(sqlite3.connect(copy)) as before:
            assert before.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
    state._engine.dispose()


def test_the_number_of_an_evaluation_can_be_asked_for_without_making_it(state: State) -> None:
    rows = ["0a", "0b", "0c"]
    assert state.evaluation_number("t", "a", rows) == 1
    assert state.evaluations("t", rows) == 0
    assert state.audit() == []
    assert state.register_evaluation("t", "a", rows) == 1
    assert state.evaluation_number("t", "a", rows) == 1, "the same package keeps its number"
    assert state.evaluation_number("t", "b", rows) == 2
    assert state.evaluation_number("other digest", "b", [*rows, "0d"]) == 2, "most rows are the same"
    assert state.evaluations("t", rows) == 1


def test_the_file_of_a_database_is_known_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert State.open(path).file == path
    assert State.open(f"sqlite:///{path}").file == path


def test_an_older_database_is_brought_up_to_date_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    state = State.open(path)
    register(state, "a")
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    home = Path(opening.__file__).parent / "migrations"
    for name in ("env.py", *OURS):
        (scripts / name).write_text((home / name).read_text())
    (scripts / "versions" / "v0005_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = '0005', '0004', None, None\n"
        "def upgrade():\n    op.add_column('versions', sa.Column('mood', sa.Text, server_default='calm'))\n"
    )
    monkeypatch.setattr(opening, "_MIGRATIONS", scripts)
    monkeypatch.setattr(opening, "HEAD", "0005")
    engine = opening.connect(path)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT number, mood FROM versions")).one() == (1, "calm")
    monkeypatch.undo()
    with pytest.raises(StateError) as caught:  # and this version of ours finds it too new
        State.open(path)
    assert caught.value.problems[0].id == "state.newer"
    assert "0005" in str(caught.value)


def test_a_migration_that_fails_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    state = State.open(path)
    register(state, "a")
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    home = Path(opening.__file__).parent / "migrations"
    for name in ("env.py", *OURS):
        (scripts / name).write_text((home / name).read_text())
    (scripts / "versions" / "v0005_more.py").write_text(
        "from alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = '0005', '0004', None, None\n"
        "def upgrade():\n    op.drop_table('evaluations')\n    op.execute('SELECT * FROM nowhere')\n"
    )
    monkeypatch.setattr(opening, "_MIGRATIONS", scripts)
    monkeypatch.setattr(opening, "HEAD", "0005")
    with pytest.raises(StateError):
        opening.connect(path)
    monkeypatch.undo()
    again = State.open(path)
    assert again.evaluations("t") == 0
    assert again.version(1).number == 1


def test_a_database_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)  # not yet in WAL mode
    maker.execute("BEGIN IMMEDIATE")
    made = threading.Timer(0.3, lambda: maker.execute("ROLLBACK"))
    made.start()
    assert State.open(path).versions() == []
    made.join()
    maker.close()


# -- what can be wrong with it -------------------------------------------------------------------------------


def problem_of(where: str | Path) -> str:
    with pytest.raises(StateError) as caught:
        State.open(where)
    return caught.value.problems[0].id


def test_a_damaged_foreign_or_unreachable_database_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, and long enough to be looked at " * 20)
    assert problem_of(tmp_path / "text.db") == "state.damaged"
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    assert problem_of(tmp_path / "other.db") == "state.foreign"
    (tmp_path / "folder.db").mkdir()
    assert problem_of(tmp_path / "folder.db") == "state.unusable"
    assert problem_of(tmp_path / "text.db" / "below") == "state.unusable"
    assert problem_of("mysql://somewhere/x") in {"state.unusable", "state.dialect"}
    assert problem_of("no such://thing") == "state.unusable"


def test_damage_inside_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = State.open(path)
    for i in range(40):
        state.register_evaluation("t", f"p{i}")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StateError) as caught:
        State.open(path).versions()
    assert caught.value.problems[0].id == "state.damaged"


def test_a_password_is_not_shown() -> None:
    with pytest.raises(StateError) as caught:
        State.open("mysql+nodriver://me:secret@somewhere/x")
    assert "secret" not in str(caught.value)


def test_a_full_disk_is_a_message_and_the_database_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = State.open(path)
    state.register_evaluation("t", "p")

    def limit(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # at least what it has already

    event.listen(state._engine, "connect", limit)
    with pytest.raises(MachineError) as caught:
        state.note("x", "y", {"text": "z" * 100_000})
    assert caught.value.problems[0].id == "machine.disk-full"
    assert State.open(path).evaluations("t") == 1


NAMES = [
    "is it spam? yes",
    "a[1]",
    "k=v",
    "100%25",
    "x#y",
    "a: b",
    "it's",
    '"q"',
    "a\nb",
    "a\\b",
    "-d",
    "file:x",
    "日本",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_a_path(tmp_path, name):
    """And no URL, in which some of these would name another file, which two projects might share."""
    path = tmp_path / name / "state.db"
    State.open(path).note("someone", "key.changed", {})
    assert path.is_file()
    assert State.open(path).file == path
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_operators_who_ask_at_once_are_all_heard_and_the_last_decides(tmp_path):
    """No gateway runs: what they ask for waits in the database, and a version is not asked for twice in a row."""
    database, failures = tmp_path / "state.db", []
    state = State.open(database)
    for name in "ab":
        keys = ("package_digest", "evidence_digest", "package_key", "evidence_key")
        state.register_version(**dict.fromkeys(keys, name), champion_digest=None)
    together, heard = threading.Barrier(4), []

    def operate(name: int) -> None:
        own = State.open(database)
        together.wait()
        for turn in range(3):
            try:
                heard.append(own.request_release(1 + (name + turn) % 2, "direct", f"operator {name}").id)
            except Exception as error:
                failures.append(error)

    operators = [threading.Thread(target=operate, args=(name,)) for name in range(4)]
    for one in operators:
        one.start()
    for one in operators:
        one.join()
    assert not failures
    assert len(heard) == 12
    asked = sorted(state.releases(), key=lambda release: release.id)
    assert [release.id for release in asked] == list(range(1, len(asked) + 1)) == sorted(set(heard))
    assert all(one.version != after.version for one, after in pairwise(asked))
    assert state.desired_release() == asked[-1]
    assert not [entry for entry in state.audit() if entry.action == "backup.failed"]
