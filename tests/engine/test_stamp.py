from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelwright.core.messages import catalog
from modelwright.engine import stamp
from modelwright.engine.stamp import KeptResult, Watch
from modelwright.runtime import machine

RESULT = KeptResult("accuracy met ✓\n", 0)
LATER_NS = 1 << 62  # a clock so late that every file has settled


@dataclass(frozen=True)
class World:
    root: Path

    @property
    def watch(self) -> Watch:
        return Watch(
            files=(self.root / "rows.csv", self.root / "absent.csv", self.root / "link.csv"),
            contents=(self.root / "modelwright.yaml",),
            sets=(
                tuple(
                    str(self.root / "photos" / name) for name in ("1.png", "2.png", "link.png", "\udcff.png")
                ),
                (str(self.root / "photos" / "1.png"), str(self.root / "data" / "a.txt")),
            ),
            folders=(self.root / "weights",),
            sources=(self.root / "code",),
            patterns=((str(self.root), "data/*.csv"),),
            facts=("machine", "libraries", "language", "environment MW_TEST_PLACE"),
        )

    @property
    def made(self) -> Watch:
        return Watch(
            files=(self.root / "artifact.json",),
            databases=(self.root / "state.db",),
            sealed=(self.root / "model.onnx",),
        )

    @property
    def path(self) -> Path:
        return self.root / "stamp.json"

    def run(self, arguments: object = ("run",), *, settled: bool = True) -> bool:
        clock = (lambda: LATER_NS) if settled else __import__("time").time_ns
        before = stamp.take(self.watch, clock)
        return stamp.write(self.path, arguments, before, self.made, RESULT, clock)

    def read(self, arguments: object = ("run",)) -> KeptResult | None:
        return stamp.read_if_unchanged(self.path, arguments)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in (
        "rows.csv",
        "modelwright.yaml",
        "data/a.csv",
        "data/a.txt",
        "photos/1.png",
        "photos/2.png",
        "photos/3.png",
        "weights/a/w.bin",
        "code/a.py",
        "code/b/c.py",
        "artifact.json",
        "model.onnx",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "link.csv").symlink_to("rows.csv")
    (tmp_path / "photos" / "link.png").symlink_to("3.png")
    (tmp_path / "site" / "polars-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
    database.close()
    return World(tmp_path)


@pytest.mark.parametrize("settled", [True, False])
def test_an_unchanged_world_is_answered_from_the_stamp(world: World, settled: bool) -> None:
    assert world.read() is None
    assert world.run(settled=settled)
    assert world.read() == RESULT
    assert world.read(["run"]) == RESULT
    assert world.read(("run", "--json")) is None


def edit(name: str, text: str = "22"):
    return lambda root: (root / name).write_text(text)


def commit(root: Path) -> None:
    with sqlite3.connect(root / "state.db") as database:
        database.execute("INSERT INTO t VALUES (1)")
    database.close()


CHANGES = {
    "a row": edit("rows.csv"),
    "a file comes": edit("absent.csv"),
    "a file goes": lambda root: (root / "rows.csv").unlink(),
    "the project file": edit("modelwright.yaml", "2"),
    "a weight": edit("weights/a/w.bin"),
    "a weight comes": edit("weights/a/new.bin"),
    "the weights go": lambda root: (root / "weights").rename(root / "away"),
    "code": edit("code/b/c.py"),
    "new code": edit("code/d.py"),
    "a template": edit("code/b/page.html.j2"),
    "a library": lambda root: (root / "site" / "torch-2.14.dist-info").mkdir(),
    "a library is upgraded": lambda root: (root / "site" / "polars-1.0.dist-info").rename(
        root / "site" / "polars-2.0.dist-info"
    ),
    "one of many files": edit("photos/2.png"),
    "one of many files, as long as before": edit("photos/2.png", "2"),
    "one of two sets": edit("data/a.txt"),
    "one of many files goes": lambda root: (root / "photos" / "1.png").unlink(),
    "one of many files is another": lambda root: (root / "photos" / "3.png").rename(
        root / "photos" / "1.png"
    ),
    "what a link among many files leads to": edit("photos/3.png"),
    "a file that matches": edit("data/b.csv"),
    "what matches": edit("data/a.csv"),
    "what matches, as long as before": edit("data/a.csv", "2"),
    "a match less": lambda root: (root / "data" / "a.csv").unlink(),
    "a link": lambda root: ((root / "link.csv").unlink(), (root / "link.csv").symlink_to("data/a.csv")),
    "an artifact": edit("artifact.json"),
    "a sealed file": edit("model.onnx"),
    "a sealed file goes": lambda root: (root / "model.onnx").unlink(),
    "the state": commit,
}


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_any_change_voids_the_stamp(world: World, change: str, settled: bool) -> None:
    world.run(settled=settled)
    CHANGES[change](world.root)
    assert world.read() is None


@pytest.mark.parametrize("change", ["a row", "code", "the project file", "a file comes", "a library"])
def test_a_change_during_the_run_leaves_no_stamp(world: World, change: str) -> None:
    assert world.run()
    before = stamp.take(world.watch)
    CHANGES[change](world.root)
    assert not stamp.write(world.path, ("run",), before, world.made, RESULT)
    assert world.read() is None


def test_of_a_place_that_two_steps_watch_the_first_signature_counts(world: World) -> None:
    """The first step may have read what was there then."""
    watch = Watch(files=(world.root / "rows.csv",), facts=("machine",))
    first = stamp.take(watch)
    (world.root / "rows.csv").write_text("22")
    both = stamp.joined(first, stamp.take(Watch(files=(world.root / "rows.csv", world.root / "more.csv"))))
    assert set(both["files"]) == {str(world.root / "rows.csv"), str(world.root / "more.csv")}
    assert both["facts"] == first["facts"]
    assert not stamp.write(world.path, ("run",), both, world.made, RESULT)


def test_what_has_no_effect_leaves_the_stamp(world: World) -> None:
    world.run()
    project = world.root / "modelwright.yaml"
    project.write_text(project.read_text())  # saved again without a change
    (world.root / "code" / "__pycache__").mkdir()
    (world.root / "code" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"compiled")
    (world.root / "state.db-wal").write_bytes(b"")  # left by a reader: it holds nothing
    assert world.read() == RESULT


def test_a_write_into_the_log_of_the_database_is_seen(world: World) -> None:
    world.run()
    database = sqlite3.connect(world.root / "state.db")
    database.execute("INSERT INTO t VALUES (2)")
    database.commit()
    assert world.read() is None  # still open: the change is in the log alone
    database.close()


def test_facts_of_the_machine_and_of_the_process_are_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MW_TEST_PLACE", "here")
    monkeypatch.delenv("MODELWRIGHT_LANG", raising=False)
    world.run()
    assert world.read() == RESULT
    for change in (
        lambda patch: patch.setattr(machine, "cores", lambda: 4096),
        lambda patch: patch.setattr(machine, "instruction_set", lambda: "another"),
        lambda patch: patch.setenv("MW_TEST_PLACE", "there"),
        lambda patch: patch.delenv("MW_TEST_PLACE"),
        lambda patch: patch.setattr(catalog, "preferred", lambda environment: "zh"),
    ):
        with monkeypatch.context() as patch:
            change(patch)
            assert world.read() is None
        assert world.read() == RESULT


@pytest.mark.parametrize("name", ["rows.csv", "photos/2.png", "photos/3.png", "data/a.csv"])
def test_a_second_change_within_one_tick_is_seen(world: World, name: str) -> None:
    rows = world.root / name
    for _ in range(50):  # often enough that several changes fall into one tick of the file system's clock
        times = rows.stat()
        assert world.run(settled=False)
        rows.write_text("2" if rows.read_text() == "1" else "1")
        os.utime(rows, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert world.read() is None


def test_another_python_or_a_damaged_stamp_is_no_stamp(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    whole = world.path.read_text()
    assert '"format":4' in whole
    for damaged in ("", "{", "[]", "null", whole[:-30] + "}", whole.replace('"format":4', '"format":3')):
        world.path.write_text(damaged)
        assert world.read() is None
    world.path.write_text(whole)
    monkeypatch.setattr(sys, "prefix", "/another/place")
    assert world.read() is None


def test_reading_a_stamp_loads_nothing_heavy(world: World) -> None:
    world.run(["run"])
    script = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path\n"
        "from modelwright.engine import stamp\n"
        f"assert stamp.read_if_unchanged(Path({str(world.path)!r}), ['run']) is not None\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(world.root / "site"), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    loaded = set(done.stdout.split())
    assert loaded - set(sys.stdlib_module_names) == {"modelwright"}
    assert not loaded & {"asyncio", "sqlite3", "email", "importlib.metadata", "ssl", "multiprocessing"}


def test_what_was_taken_is_not_taken_again(world: World) -> None:
    first = stamp.take(world.watch)
    again = stamp.take(world.watch, but={**first, "facts": {}})
    assert {sort for sort, found in again.items() if found} == {"facts"}
    assert again["facts"] == first["facts"]


def test_a_stamp_does_not_grow_by_signatures_of_many_files(tmp_path: Path) -> None:
    """Nor does it hold the names twice: of a hundred thousand files it is read in a tenth of a second."""
    (tmp_path / "p").mkdir()
    names = [f"{number:05}" for number in range(2_000)]
    for name in names:
        (tmp_path / "p" / name).touch()
    paths = tuple(f"{tmp_path}/p/{name}" for name in names)
    watch = Watch(sets=(paths,), patterns=((str(tmp_path), "p/*"),))
    before = stamp.take(watch, lambda: LATER_NS)
    assert stamp.write(tmp_path / "stamp.json", (), before, Watch(), RESULT, lambda: LATER_NS)
    assert (tmp_path / "stamp.json").stat().st_size < 2_000 * (len(names[0]) + 8) + 1_000
    assert stamp.read_if_unchanged(tmp_path / "stamp.json", ()) == RESULT
