from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import MachineError, StateError
from modelwright.engine import artifact_manifest, gc
from modelwright.engine.lineage import MadeFrom, differences
from modelwright.engine.store import Artifact, Store
from modelwright.storage import disk, locks
from modelwright.storage.formats import document

MADE = MadeFrom(code={"m": "c0de"}, config={"learn": {"epochs": 3}})


def make(store: Store, files: dict[str, str], made_from: MadeFrom = MADE, stage: str = "learn") -> Artifact:
    key = made_from.key(stage)
    with store.lock(stage, key):
        out = store.fresh(stage, key)
        for name, text in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text)
        artifact = store.seal(out, stage, key, made_from, {"loss": 0.5})
        store.record_latest(artifact)
        return artifact


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".modelwright")


def test_what_is_sealed_is_found_with_its_parts(store: Store) -> None:
    made = make(store, {"train/a/x.txt": "1", "train/y.txt": "2", "test/x.txt": "3", "root.txt": "4"})
    found = store.find("learn", MADE.key("learn"))
    assert found == made
    assert found.summary == {"loss": 0.5}
    assert found.made_from == MADE
    assert found.part("train").digest == digests.of_folder(found.path / "train")
    assert found.part("test").path.joinpath("x.txt").read_text() == "3"
    assert sorted(found.parts) == ["test", "train"]
    assert store.verify(found) == ()
    assert store.find("learn", "0" * 64) is None
    assert store.find("plan", MADE.key("learn")) is None


def test_the_digest_is_that_of_the_folder_without_its_seal(store: Store, tmp_path: Path) -> None:
    made = make(store, {"train/x.txt": "1", "root.txt": "2"})
    shutil.copytree(made.path, tmp_path / "copy")
    (tmp_path / "copy" / artifact_manifest.NAME).unlink()
    assert made.digest == digests.of_folder(tmp_path / "copy")


@settings(max_examples=25)
@given(
    st.dictionaries(st.from_regex(r"[a-c](/[a-c]){0,2}x", fullmatch=True), st.text(max_size=3), min_size=1)
)
def test_the_digest_says_what_names_and_contents_say(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    made = make(store, files)
    entries = {
        name: artifact_manifest.FileEntry(digests.of_bytes(text.encode()), len(text.encode()))
        for name, text in files.items()
    }
    assert made.digest == artifact_manifest.contents_digest(entries)
    assert made.parts == {
        n: digests.of_folder(made.path / n) for n in {f.split("/")[0] for f in files if "/" in f}
    }
    name = sorted(files)[0]
    changed = entries | {name: artifact_manifest.FileEntry(digests.of_bytes(b"other"), 5)}
    assert artifact_manifest.contents_digest(changed) != made.digest


def test_sealed_files_cannot_be_written(store: Store) -> None:
    made = make(store, {"a/x.txt": "1"})
    for path in (made.path / "a" / "x.txt", made.path / artifact_manifest.NAME):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


@pytest.mark.parametrize("harm", ["missing", "shorter", "no manifest", "no json", "lied", "other"])
def test_damage_is_found_and_never_used(store: Store, harm: str) -> None:
    made = make(store, {"a/x.txt": "1234"})
    file, seal = made.path / "a" / "x.txt", made.path / artifact_manifest.NAME
    seal.chmod(0o644)
    match harm:
        case "missing":
            file.unlink()
        case "shorter":
            file.chmod(0o644)
            file.write_text("12")
        case "no manifest":
            seal.unlink()
        case "no json":
            seal.write_text("{")
        case "lied":
            seal.write_text(seal.read_text().replace(made.digest, "0" * 64))
        case "other":
            seal.write_text(seal.read_text().replace(made.key, "0" * 64))
    lookup = store.lookup("learn", made.key)
    assert lookup.artifact is None
    assert lookup.damage


def test_changed_bytes_of_the_same_size_are_found_by_verify(store: Store) -> None:
    made = make(store, {"a/x.txt": "1234"})
    file = made.path / "a" / "x.txt"
    file.chmod(0o644)
    file.write_text("1235")
    assert store.find("learn", made.key) is not None
    assert store.verify(made) == ("a/x.txt has other content than was sealed",)


def test_a_newer_format_is_an_error_that_says_so(store: Store) -> None:
    made = make(store, {"x.txt": "1"})
    seal = made.path / artifact_manifest.NAME
    seal.chmod(0o644)
    seal.write_text(json.dumps(json.loads(seal.read_text()) | {"format": artifact_manifest.FORMAT + 1}))
    with pytest.raises(StateError) as caught:
        store.find("learn", made.key)
    assert caught.value.problems[0].id == "store.newer-format"


def test_a_registered_migration_is_applied() -> None:
    def to_next(data: JsonObject) -> JsonObject:
        return data | {"summary": {"was": data["resume"]}}

    old: JsonObject = {"format": 1, "resume": 7}
    read = document.migrated(old, 3, {1: to_next, 2: lambda data: data})
    assert read == {"format": 3, "resume": 7, "summary": {"was": 7}}
    assert old == {"format": 1, "resume": 7}
    with pytest.raises(document.NoMigration):
        document.migrated(old, 3, {1: to_next})
    with pytest.raises(document.Newer):
        document.migrated({"format": 4}, 3, {})


def test_a_link_cannot_be_sealed(store: Store) -> None:
    key = MADE.key("learn")
    with store.lock("learn", key):
        out = store.fresh("learn", key)
        (out / "x").symlink_to("/etc/hostname")
        with pytest.raises(AssertionError, match="link"):
            store.seal(out, "learn", key, MADE, {})


def test_everything_is_on_the_disk_before_it_is_published(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after the rename must find whole files: each is synced, then its folders, then the name."""
    events: list[str] = []
    rename, sync = Path.rename, disk.sync
    monkeypatch.setattr(disk, "sync", lambda path: (events.append(f"sync {path.name}"), sync(path)))
    monkeypatch.setattr(
        Path, "rename", lambda self, target: (events.append("publish"), rename(self, target))[1]
    )
    made = make(store, {"a/x.txt": "1", "y.txt": "2"})
    published = events.index("publish")
    before, after = events[:published], events[published + 1 :]
    assert {"sync x.txt", "sync y.txt", "sync a", f"sync {artifact_manifest.NAME}"} <= set(before)
    assert before.index("sync x.txt") < before.index("sync a") < len(before) - 1
    assert before[-1].startswith("sync learn."), "the folder's own names come last"
    assert before.index(f"sync {artifact_manifest.NAME}") < len(before) - 1
    assert f"sync {made.path.parent.name}" in after, "and so does the name that publishes it"


def test_a_durable_write_is_on_the_disk_before_it_replaces_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    replace, sync = Path.replace, disk.sync
    monkeypatch.setattr(disk, "sync", lambda path: (events.append(path.name[:5]), sync(path)))
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (events.append("replace"), replace(self, target))[1]
    )
    disk.write_atomically(tmp_path / "new" / "a.json", "1")
    assert events == [".a.js", "replace", "new"]
    events.clear()
    disk.write_atomically(tmp_path / "new" / "a.json", "2", durable=False)
    assert events == ["replace"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_sealing_again_the_same_bits_leaves_the_old_ones(store: Store) -> None:
    first = make(store, {"x.txt": "1"})
    inode = (first.path / "x.txt").stat().st_ino
    assert make(store, {"x.txt": "1"}) == first
    assert (first.path / "x.txt").stat().st_ino == inode
    second = make(store, {"x.txt": "2"})
    assert second.path == first.path
    assert (second.path / "x.txt").read_text() == "2"
    assert list((store.root / "tmp").iterdir()) == []


def test_what_a_kill_left_sealed_is_published(store: Store) -> None:
    made = make(store, {"x.txt": "1"})
    short = made.key[:20]
    # Killed between the two renames of a forced run: the old one is aside, the new one not in place.
    shutil.copytree(made.path, store.root / "tmp" / f"learn.{short}.replaced.0")
    made.path.rename(store.root / "tmp" / f"learn.{short}.making.f")
    assert store.find("learn", made.key) is None
    with store.lock("learn", made.key):
        store.publish_left("learn", made.key)
    assert store.find("learn", made.key) == made
    assert [path.name for path in (store.root / "tmp").iterdir()] == [f"learn.{short}.replaced.0"]


def test_adopting_keeps_the_bits_and_says_whence(store: Store) -> None:
    old = make(store, {"train/x.txt": "1", "y.txt": "2"})
    made_from = replace(MADE, libraries={"torch": "2.14"})
    key = made_from.key("learn")
    with store.lock("learn", key):
        new = store.adopt(old, key, made_from)
    assert new == store.find("learn", key)
    assert (new.digest, new.parts, new.adopted_from) == (old.digest, old.parts, old.key)
    assert store.verify(new) == ()
    assert store.find("learn", old.key) == old
    gc.collect(store, {key})
    assert store.verify(new) == ()


def test_damaged_bits_are_not_adopted(store: Store) -> None:
    old = make(store, {"x.txt": "1"})
    (old.path / "x.txt").chmod(0o644)
    (old.path / "x.txt").write_text("2")
    with pytest.raises(StateError) as caught:
        store.adopt(old, "1" * 64, MADE)
    assert caught.value.problems[0].id == "store.damaged"


# -- space ---------------------------------------------------------------------------------------------------


def test_gc_removes_what_is_not_kept_nor_latest_nor_locked(store: Store) -> None:
    of = {n: MadeFrom(config={"n": n}) for n in ("kept", "old", "locked", "latest")}
    made = {n: make(store, {"x.bin": n * 1000}, of[n]) for n in of}
    with store.lock("plan", "a" * 64):
        (store.scratch("plan", "a" * 64) / "x").write_text("12345")
        (store.fresh("plan", "a" * 64) / "x").write_text("123")
    with store.lock("learn", made["locked"].key, shared=True):
        dry = gc.collect(store, {made["kept"].key}, dry_run=True)
        assert made["old"].path.exists()
        freed = gc.collect(store, {made["kept"].key})
    assert freed == dry
    assert {folder.split("/")[0] for folder in freed.folders} == {"objects", "scratch", "tmp"}
    assert f"objects/learn/{made['old'].key[:20]}" in freed.folders
    assert (freed.removed, freed.kept, freed.in_use) == (1, 3, 1)
    assert 3008 <= freed.freed_bytes <= 3008 + 1000
    assert freed.kept_bytes > 4000 + 6000 + 6000
    assert {n for n in of if store.find("learn", made[n].key)} == {"kept", "locked", "latest"}
    assert gc.collect(store, {made["kept"].key, made["locked"].key}).folders == ()


def test_gc_counts_a_linked_file_with_its_last_name(store: Store) -> None:
    old = make(store, {"x.bin": "x" * 10_000})
    made_from = replace(MADE, config={})
    new = store.adopt(old, made_from.key("learn"), made_from)
    store.record_latest(new)
    assert gc.collect(store, set(), dry_run=True).freed_bytes < 2000
    shutil.rmtree(store.root / "latest")
    assert 10_000 <= gc.collect(store, set(), dry_run=True).freed_bytes < 14_000
    assert 10_000 <= gc.collect(store, set()).freed_bytes < 14_000


def test_gc_publishes_what_a_kill_left_sealed_and_removes_the_rest(store: Store) -> None:
    made = make(store, {"x.txt": "1"})
    made.path.rename(store.root / "tmp" / f"learn.{made.key[:20]}.making.f")
    (store.root / "tmp" / f"learn.{made.key[:20]}.making.0").mkdir()
    freed = gc.collect(store, {made.key})
    assert freed.folders == (f"tmp/learn.{made.key[:20]}.making.0",)
    assert store.find("learn", made.key) == made


def test_reachable_follows_what_things_were_made_from(store: Store) -> None:
    data = make(store, {"train/x": "1", "test/x": "2"}, stage="data")
    learn = make(store, {"w": "3"}, MadeFrom(inputs={"train": data.part("train").digest}), stage="learn")
    other = make(store, {"w": "4"}, MadeFrom(inputs={"train": "0" * 64}), stage="learn")
    assert gc.reachable(store, [learn.key]) == {learn.key, data.key}
    assert gc.reachable(store, [other.key]) == {other.key}


# -- a full disk ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> object:
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("needs root, to mount a file system of 1 MB")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a file system of 1 MB")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_publishes_nothing_and_harms_nothing(small_disk: Path) -> None:
    store = Store(small_disk / ".modelwright")
    sound = make(store, {"x.bin": "x" * 300_000})
    for size in (400_000, 690_000, 2_000_000):
        made_from = MadeFrom(config={"size": size})
        key = made_from.key("learn")
        with store.lock("learn", key):
            out = store.fresh("learn", key)
            with pytest.raises(MachineError) as caught:
                make_too_much(store, out, size, made_from)
            disk.remove(out)
            (small_disk / "filler").unlink(missing_ok=True)
        assert caught.value.problems[0].id == "machine.disk-full"
        assert store.find("learn", key) is None
        assert store.verify(sound) == ()
    assert make(store, {"x.bin": "y" * 300_000}, MadeFrom()) is not None


def make_too_much(store: Store, out: Path, size: int, made_from: MadeFrom) -> None:
    with disk.guard(store.root):
        (out / "a").mkdir()
        (out / "a" / "x.bin").write_bytes(b"x" * size)
        (out / "b.bin").write_bytes(b"x" * 300_000)
    # It fitted: what is left goes too, so that the seal itself finds no room.
    with (store.root.parent / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    store.seal(out, "learn", made_from.key("learn"), made_from, {"text": "y" * 20_000})


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_recognised_however_it_is_told(tmp_path: Path, error: Exception) -> None:
    def save(cause: Exception | None) -> None:
        with disk.guard(tmp_path):
            raise ValueError("could not save") from cause

    with pytest.raises(MachineError):
        save(error)
    with pytest.raises(ValueError, match="could not save"):
        save(OSError(errno.EACCES, "Permission denied"))


# -- locks ---------------------------------------------------------------------------------------------------

HOLDER = r"""
import sys, os, time
from pathlib import Path
from modelwright.storage import locks
with locks.hold(Path(sys.argv[1])):
    if sys.argv[2] == "fork" and os.fork() == 0:
        os.write(1, f"child {os.getpid()}\n".encode())
        os.close(1)
        time.sleep(60)
        os._exit(0)
    os.write(1, b"held\n")
    sys.stdin.read()
"""


def holder(path: Path, mode: str = "plain") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_lock_says_who_holds_it_and_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    with holder(path) as process:
        assert process.stdout.readline() == "held\n"
        with locks.attempt(path) as held:
            assert not held
        told = []

        def kill_it(who: str) -> None:
            told.append(who)
            process.kill()

        # Waits for it, then has the lock because the holder died.
        with locks.hold(path, kill_it), locks.attempt(path) as held:
            assert not held
        assert len(told) == 1
        assert f"process {process.pid} " in told[0]


def test_a_forked_child_does_not_prolong_the_lock_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path, "fork") as process:
        lines = sorted([process.stdout.readline(), process.stdout.readline()])
        child = int(lines[0].split()[1])
        try:
            process.kill()
            process.wait()
            os.kill(child, 0)  # it lives
            with locks.attempt(path) as held:
                assert held
        finally:
            os.kill(child, signal.SIGKILL)


def test_shared_locks_exclude_only_exclusive_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locks.hold(path, shared=True), locks.hold(path, shared=True), locks.attempt(path) as held:
        assert not held
    with locks.attempt(path) as held:
        assert held


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path) as process:
        process.stdout.readline()

        def remove_and_end(who: str) -> None:
            path.unlink()
            process.stdin.close()

        with locks.hold(path, remove_and_end), locks.attempt(path) as held:
            assert not held  # what we hold is the lock that others see


# -- lineage -------------------------------------------------------------------------------------------------


def test_differences_name_what_changed() -> None:
    old = MadeFrom(
        code={"a": "1", "b": "1", "f": "1"},
        config={"learn": {"epochs": 3, "seed": 0}, "gone": None},
        inputs={"train": "1"},
        files={"data.source": "1"},
        libraries={"torch": "2.13.0", "scipy": "1.2"},
    )
    new = MadeFrom(
        code={"a": "2", "b": "1", "c": "1", "d": "1", "e": "1", "g": "1"},
        config={"learn": {"epochs": 4, "seed": 0, "batch": "auto"}},
        inputs={"train": "2"},
        files={"data.source": "2"},
        libraries={"torch": "2.14.0", "numpy": "2.4", "polars": "1.3"},
    )
    assert differences(old, new) == [
        "config `gone` null → absent",
        "config `learn.batch` absent → auto",
        "config `learn.epochs` 3 → 4",
        "input train changed",
        "data.source changed",
        "code of a changed",
        "uses code of c, d, e and 1 more",
        "no longer uses code of f",
        "library torch 2.13.0 → 2.14.0",
        "uses libraries numpy 2.4, polars 1.3",
        "no longer uses library scipy",
    ]
    assert differences(new, new) == []


def test_what_is_used_no_longer_was_not_changed() -> None:
    """As when `model.learner` goes from one that needs torch to one that needs lightgbm."""
    old = MadeFrom(code={"base": "1", "probe": "1"}, libraries={"numpy": "2.4", "torch": "2.13.0"})
    new = MadeFrom(code={"base": "1", "trees": "1"}, libraries={"numpy": "2.4", "lightgbm": "4.6"})
    assert differences(old, new) == [
        "uses code of trees",
        "no longer uses code of probe",
        "uses library lightgbm 4.6",
        "no longer uses library torch",
    ]


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
CONFIGS = st.dictionaries(st.text(max_size=2), JSONS, max_size=3)


@given(CONFIGS, CONFIGS)
def test_keys_are_equal_exactly_when_nothing_differs(a: dict[str, object], b: dict[str, object]) -> None:
    old, new = MadeFrom(config=a), MadeFrom(config=json.loads(json.dumps(b)))
    same = digests.canonical_json(a) == digests.canonical_json(b)
    assert (old.key("learn") == new.key("learn")) is same
    if same:
        assert differences(old, new) == []
    assert old.key("learn") != old.key("plan")
