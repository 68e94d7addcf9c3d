"""What cannot be written is read: with all that was committed, and nothing of it changed."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from modelwright.core.messages import StateError
from modelwright.gateway.traffic.recording import Traffic
from modelwright.storage import read_only
from modelwright.storage.state.database import State
from modelwright.storage.traffic.record import LiveRecord

READS = """
import sys
from pathlib import Path
from modelwright.storage.state.database import State
from modelwright.storage.traffic.record import LiveRecord
from modelwright.core.messages import StateError
folder = Path(sys.argv[1])
for name in ("state.db", "logged.db", "absent.db"):
    state = State.open(folder / name)
    print(name, len(state.audit()), state.file == folder / name)
    try:
        state.note("someone", "key.changed", {})
    except StateError as error:
        print(error.problems[0].id)
for name in ("live.db", "none.db"):
    live = LiveRecord.open(folder / name)
    print(name, len(live.window(0)))
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with databases: at rest, with a write-ahead log as a kill leaves it, and of live traffic."""
    State.open(tmp_path / "state.db").note("someone", "key.changed", {})
    source = tmp_path / "source.db"
    State.open(source)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(
            "INSERT INTO audit (at, actor, action, detail) VALUES ('2026-01-01', 'a', 'b', '{}')"
        )
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copyfile(f"{source}{ending}", tmp_path / f"logged.db{ending}")
    assert (tmp_path / "logged.db-wal").stat().st_size > 0
    for left in tmp_path.glob("source.db*"):
        left.unlink()
    live = LiveRecord.open(tmp_path / "live.db")
    live.record([Traffic("1", 5.0, 1, {}, {}, 0.1, 200)])
    live.flush()
    live.close()
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_on_a_read_only_file_system(folder):
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 77; "$2" -c "$3" "$1"'
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs root, for a private read-only mount")
    before = contents(folder)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(folder), sys.executable, READS],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("needs leave to mount")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        *("state.db 1 True", "state.read-only", "logged.db 1 True", "state.read-only"),
        *("absent.db 0 True", "state.read-only", "live.db 1", "none.db 0"),
    ]
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["state.db", "logged.db", "absent.db"])
def test_where_the_folder_may_not_be_written(folder, name, monkeypatch):
    """As of another user; the tests may run as root, who may write everywhere."""
    opened = read_only._opened

    def refused(path, how):
        if how == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return opened(path, how)

    monkeypatch.setattr(read_only, "is_writable", lambda path: False)
    monkeypatch.setattr(read_only, "_opened", refused)
    before = contents(folder)
    state = State.open(folder / name)
    assert len(state.audit()) == (name != "absent.db")
    with pytest.raises(StateError) as error:
        state.request_release(1, "direct", "someone")
    assert error.value.problems[0].id == "state.read-only"
    assert contents(folder) == before


def test_what_is_writable(tmp_path, monkeypatch):
    assert read_only.is_writable(tmp_path / "not" / "there" / "yet.db")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path) and access(path, mode))
    (tmp_path / "state.db").touch()
    assert not read_only.is_writable(tmp_path / "state.db"), "its folder may not be written"


@pytest.mark.parametrize("name", ["a?b.db", "a#b.db", "a%20b.db", "a b.db", "é.db"])
def test_a_path_is_no_syntax(tmp_path, name):
    State.open(tmp_path / name).note("someone", "key.changed", {})
    with closing(read_only.in_memory(tmp_path / name)) as copy:
        assert copy.execute("SELECT count(*) FROM audit").fetchone() == (1,)
