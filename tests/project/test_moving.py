"""Moving a store: all of it arrives, read again; whatever stops it, nothing is lost and the same command ends it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from datetime import UTC, datetime

import pytest

from modelwright.core import digests
from modelwright.core.messages import MachineError, ProjectError, StateError
from modelwright.engine.lineage import MadeFrom
from modelwright.engine.store import Store
from modelwright.project.facade import Project
from modelwright.storage import checked_copy, disk, store_marks
from modelwright.storage.state.database import State

_FILE = 'function: "f(a: text) -> b: category"\nstore: held  # here\n'


@pytest.fixture
def home(tmp_path):
    """Return a project's folder whose store holds three sealed results, a state, a record and a cache."""
    (tmp_path / "modelwright.yaml").write_text(_FILE)
    store = Store(tmp_path / "held")
    for number in range(3):
        made_from = MadeFrom(config={"n": number}, inputs={})
        key = made_from.key("data")
        with store.lock("data", key):
            out = store.fresh("data", key)
            (out / "test").mkdir()
            (out / "test" / "x.txt").write_text(f"{number}" * 5000)
            store.record_latest(store.seal(out, "data", key, made_from, {}))
    state = State.open(store.root / "state.db", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    state.note("test", "here", {"text": "kept"})
    with closing(sqlite3.connect(store.root / "mlflow.db")) as records, records:
        records.execute("CREATE TABLE runs (artifact_uri TEXT)")
        records.execute("INSERT INTO runs VALUES (?)", ((store.root / "mlflow" / "1").as_uri(),))
    (store.root / "cache").mkdir()
    (store.root / "cache" / "x").write_bytes(b"x" * 1000)
    return tmp_path


def _sealed(root):
    return {one.key: digests.of_folder(one.path) for one in Store(root).artifacts()}


def _move(home, to="away"):
    return Project(home).move(to)


def _ids(raised):
    return [one.id for one in raised.value.problems]


def test_all_of_a_store_moves_and_the_file_says_so_and_back(home):
    before = _sealed(home / "held")
    report = _move(home)
    assert _sealed(home / "away") == before
    assert len(before) == report.artifacts == 3
    assert (home / "modelwright.yaml").read_text() == _FILE.replace("held  # here", "away")
    assert [one.name for one in (home / "held").iterdir()] == ["moved.json"]
    assert not (home / "away" / "moving.json").exists()
    assert not (home / "away" / "cache").exists()
    assert "1 kB" in report.notes[0] or "1.0 kB" in report.notes[0]
    with closing(sqlite3.connect(home / "away" / "mlflow.db")) as records:
        assert records.execute("SELECT artifact_uri FROM runs").fetchall() == [
            ((home / "away" / "mlflow" / "1").as_uri(),)
        ]
    state = State.open(home / "away" / "state.db", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert "here" in {one.action for one in state.audit()}
    _move(home, (home / "held").as_uri())
    assert _sealed(home / "held") == before
    assert Project(home).root == home / "held"


def test_a_file_without_the_key_gets_it(home):
    (home / "held").rename(home / ".modelwright")
    (home / "modelwright.yaml").write_bytes(_FILE.split("\n", maxsplit=1)[0].encode())
    _move(home, str(home / "a folder"))
    assert Project(home).root == home / "a folder"
    assert (home / "modelwright.yaml").read_text().startswith(_FILE.split("\n", maxsplit=1)[0] + "\nstore: ")


def test_a_stale_place_says_where_the_store_went(home):
    _move(home)
    (home / "modelwright.yaml").write_text(_FILE)
    with pytest.raises(StateError) as raised:
        Project(home).versions()
    assert _ids(raised) == ["store.moved"]
    assert str(home / "away") in str(raised.value)


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("held", "move.same"),
        ("held/inner", "move.inside"),
        (".", "move.inside"),
        ("full", "move.not-empty"),
        ("modelwright.yaml", "move.not-empty"),
        ("s3://team/route", "store.no-folder"),
        ("file://host/x", "store.no-folder"),
    ],
)
def test_a_place_that_is_none_is_refused_and_nothing_is_changed(home, to, problem):
    (home / "full").mkdir()
    (home / "full" / "mine.txt").write_text("mine")
    before = _sealed(home / "held")
    with pytest.raises(ProjectError) as raised:
        _move(home, to)
    assert _ids(raised) == [problem]
    assert _sealed(home / "held") == before
    assert (home / "modelwright.yaml").read_text() == _FILE


def test_what_the_file_does_not_say_does_not_move(home):
    for project, problem in (
        (Project(home, ["store=other"]), "move.set-store"),
        (Project({"function": "f(a: text) -> b: category", "store": "held"}, folder=home), "move.no-file"),
    ):
        with pytest.raises(ProjectError) as raised:
            project.move("away")
        assert _ids(raised) == [problem]


def test_a_file_that_cannot_be_edited_is_said_before_anything_is_copied(home):
    (home / "modelwright.yaml").write_text('{"function": "f(a: text) -> b: category", "store": "held"}')
    with pytest.raises(ProjectError) as raised:
        _move(home)
    assert _ids(raised) == ["move.cannot-edit"]
    assert not (home / "away").exists()


def test_a_store_in_use_stays(home):
    code = (
        "import sys; from pathlib import Path; from modelwright.storage import store_marks\n"
        "with store_marks.in_use(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home / "held")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StateError) as raised:
            _move(home)
        assert _ids(raised) == ["store.in-use"]
        other.stdin.close()
        other.wait(30)
    assert _move(home).artifacts == 3


def test_a_damaged_result_is_named_and_nothing_is_lost(home):
    one, *_ = Store(home / "held").artifacts()
    broken = one.path / "test" / "x.txt"
    broken.chmod(0o644)
    broken.write_text("y" * 5000)
    with pytest.raises(StateError) as raised:
        _move(home)
    assert _ids(raised) == ["move.damaged"]
    assert one.path.name in str(raised.value)
    assert len(Store(home / "held").artifacts()) == 3
    disk.remove(one.path)
    assert _move(home).artifacts == 2
    assert one.key not in _sealed(home / "away")


def test_a_full_disk_leaves_the_store_and_the_same_command_goes_on(home, monkeypatch):
    copied = []

    def stops(source, target):
        if len(copied) == 3:
            raise MachineError(disk.full(target))
        copied.append(source)
        return copy(source, target)

    copy = checked_copy.copy
    with monkeypatch.context() as patched:
        patched.setattr(checked_copy, "copy", stops)
        with pytest.raises(MachineError) as raised:
            _move(home)
    assert _ids(raised) == ["machine.disk-full"]
    assert len(Store(Project(home).root).artifacts()) == 3
    assert _move(home).artifacts == 3


def test_too_little_room_is_said_before_anything_is_copied(home, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 100))
    with pytest.raises(MachineError) as raised:
        _move(home)
    assert _ids(raised) == ["move.no-room"]
    assert not (home / "away" / "objects").exists()


_KILLED = """
import os, signal, sys
from pathlib import Path
from modelwright.project import moving
from modelwright.project.facade import Project
from modelwright.storage import checked_copy, disk, store_marks
module, name, after = sys.argv[2:]
module, calls = {"moving": moving, "copy": checked_copy, "marks": store_marks, "disk": disk}[module], [0]
real = getattr(module, name)
def last(*args, **options):
    if calls[0] == int(after):
        os.kill(os.getpid(), signal.SIGKILL)
    calls[0] += 1
    return real(*args, **options)
setattr(module, name, last)
Project(Path(sys.argv[1])).move("away")
"""


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        ("copy", "copy", 4),  # in the midst of the copies
        ("marks", "mark_moving", 1),  # all is copied
        ("moving", "_write_project", 0),  # and marked as whole
        ("moving", "_finished", 0),  # the file names the new folder
        ("disk", "remove", 1),  # in the midst of the removal
    ],
)
def test_a_kill_loses_nothing_and_the_same_command_ends_the_move(home, module, name, after):
    before = _sealed(home / "held")
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, home, module, name, str(after)], check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    there = Project(home).root
    # what is under way in the new folder counts only where the file names it
    whole = {**_sealed(home / "away"), **_sealed(home / "held")}
    assert there == home / "away" or _sealed(there) == before
    assert whole == before
    with pytest.raises(StateError) if there == home / "away" else nullcontext() as raised:
        Project(home).versions()
    if raised is not None:
        assert _ids(raised) == ["store.move-unfinished"]
    _move(home)
    assert _sealed(home / "away") == before
    assert Project(home).root == home / "away"
    assert Project(home).versions().versions == ()
    assert [one.name for one in (home / "held").iterdir()] == ["moved.json"]


def test_a_move_that_was_killed_goes_to_no_other_place(home):
    (home / "away").mkdir()
    store_marks.mark_moving(home / "away", store_marks.Moving(home / "elsewhere", whole=False))
    with pytest.raises(StateError) as raised:
        _move(home)
    assert _ids(raised) == ["store.move-unfinished"]
    (home / "away" / "moving.json").write_text("{")
    with pytest.raises(StateError) as raised:
        _move(home)
    assert _ids(raised) == ["store.mark-damaged"]


def test_a_half_copied_folder_that_somebody_states_is_completed_first(home):
    shutil.copytree(home / "held" / "latest", home / "away" / "latest")
    store_marks.mark_moving(home / "away", store_marks.Moving(home / "held", whole=False))
    before = _sealed(home / "held")
    (home / "modelwright.yaml").write_text(_FILE.replace("held", "away"))
    _move(home)
    assert _sealed(home / "away") == before


def test_a_copy_is_read_again(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"abc")
    os.utime(tmp_path / "a", (1, 1))
    assert checked_copy.copy(tmp_path / "a", tmp_path / "b") == digests.of_file(tmp_path / "a")
    assert (tmp_path / "b").stat().st_mtime == 1
    monkeypatch.setattr(digests, "of_file", lambda path: "another")
    with pytest.raises(OSError, match="not what was written"):
        checked_copy.copy(tmp_path / "a", tmp_path / "c")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]
