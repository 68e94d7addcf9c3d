"""Moves a store to another folder: copied, read again, stated in the project file, and only then removed.

A kill at any instant leaves the store whole where the project file says it is, or a mark in the new folder that says
what is missing there; the same command again ends it. Nothing is removed that was not read again at its new place.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import MachineError, Phrase, Problem, ProjectError, StateError
from modelwright.core.units import Unit, format_quantity
from modelwright.engine import artifact_manifest
from modelwright.engine.artifact_manifest import Damaged
from modelwright.engine.store import Store
from modelwright.project.declaration import store_place
from modelwright.project.declaration.project_file import Opened
from modelwright.project.results.machine_results import MoveReport
from modelwright.project.tracking import moved_records
from modelwright.storage import checked_copy, disk, store_marks
from modelwright.storage.store_marks import MOVED, MOVING, Moving

_LEFT = frozenset(
    {"tmp", "cache", "locks", MOVING, MOVED, "stamp.json"}
)  # what only saves work, or is of a place
_SHOWN = 5  # of damaged results, the others are counted
_WAIT_S = 5.0  # for those who read a database


@dataclass
class _Copied:
    files: int = 0
    size: int = 0  # bytes


def move(opened: Opened, root: Path, stated: str) -> MoveReport:
    """Move a project's store to the folder that `stated` names, as `store:` of the project file does.

    Raises ProjectError, StateError and MachineError; the store is then where it was, or `modelwright move` ends it.
    """
    if opened.path is None:
        raise ProjectError(Problem("move.no-file"))
    if opened.file.store != store_place.stated_in(opened.path):
        raise ProjectError(Problem("move.set-store", set_store=opened.file.store))
    target = store_place.folder_of(stated, opened.folder, "--store")
    if (begun := store_marks.moving(root)) is not None:
        if target.resolve() != root.resolve():
            raise StateError(Problem("store.move-unfinished", where=str(root), source=str(begun.source)))
        return _ended(opened, root, begun)
    if target.resolve() == root.resolve():
        raise ProjectError(Problem("move.same", place=str(root)))
    store_marks.require_settled(root)
    if not root.is_dir():
        raise StateError(Problem("move.nothing", where=str(root)))
    changed = store_place.with_store(opened.path, stated)
    try:
        _require_free(target, root)
        with store_marks.alone(root):
            store_marks.mark_moving(target, Moving(root, whole=False))
            with store_marks.alone(target):
                copied = _copied(root, target)
                store_marks.mark_moving(target, Moving(root, whole=True))
                _write_project(opened.path, changed)
                return _finished(root, target, copied)
    except OSError as error:
        raise MachineError(
            Problem("move.place", path=str(target), error=error.strerror or str(error))
        ) from None


def _ended(opened: Opened, root: Path, begun: Moving) -> MoveReport:
    """End a move that was killed after the project file was changed, or whose folder somebody stated by hand."""
    try:
        with store_marks.alone(root):
            if not begun.source.is_dir():
                return _finished(None, root, _Copied())
            with store_marks.alone(begun.source):
                copied = _Copied() if begun.whole else _copied(begun.source, root)
                store_marks.mark_moving(root, Moving(begun.source, whole=True))
                return _finished(begun.source, root, copied)
    except OSError as error:
        raise MachineError(
            Problem("move.place", path=str(root), error=error.strerror or str(error))
        ) from None


def _require_free(target: Path, root: Path) -> None:
    """Raise unless a folder is absent, empty, what an earlier store left, or what a killed move from `root` began."""
    inside = target.resolve()
    if inside.is_relative_to(root.resolve()) or root.resolve().is_relative_to(inside):
        raise ProjectError(Problem("move.inside", place=str(target), store=str(root)))
    if target.exists() and not target.is_dir():
        raise ProjectError(Problem("move.not-empty", place=str(target), found=target.name))
    begun = store_marks.moving(target)
    if begun is not None and begun.source.resolve() != root.resolve():
        raise StateError(Problem("store.move-unfinished", where=str(target), source=str(begun.source)))
    if begun is None and target.is_dir():
        # a stamp stays beside the project file wherever the store is
        others = sorted(one.name for one in target.iterdir() if one.name not in _LEFT)
        if others:
            raise ProjectError(Problem("move.not-empty", place=str(target), found=others[0]))


def _copied(root: Path, target: Path) -> _Copied:
    """Copy all that a store holds; raises StateError for sealed results that are not what was sealed."""
    store = Store(root)
    for left in sorted((root / "tmp").glob("*.*.*.*")):
        store.publish_left(*left.name.split(".")[:2])
    for database in root.glob("*.db"):
        _settle(database)
    names = list(_names(root))
    _require_room(root, target, names)
    _clear(target, {*names})
    digests: dict[str, str] = {}
    copied = _Copied()
    for name in names:
        digests[name.as_posix()] = checked_copy.copy(root / name, target / name)
        copied.files += 1
        copied.size += (target / name).stat().st_size
    if damaged := list(_damaged(root, digests)):
        shown = [f"{place}: {what}" for place, what in damaged[:_SHOWN]]
        raise StateError(Problem("move.damaged", where=str(root), count=len(damaged), damaged=shown))
    moved_records.name_folder(target, root)
    for folder, _, _ in os.walk(target, topdown=False):
        there = Path(folder)
        if (here := root / there.relative_to(target)).is_dir() and there != target:
            shutil.copystat(here, there)  # the order in which results were made is that of their times
        disk.sync(there)
    return copied


def _clear(target: Path, names: Set[Path]) -> None:
    """Remove what a copy that was killed left and the store does not hold, or no longer does."""
    for name in list(_names(target)):
        if name not in names:
            (target / name).unlink()
    for folder, _, _ in os.walk(target, topdown=False):
        if Path(folder) != target:
            with suppress(OSError):  # it holds something
                Path(folder).rmdir()


def _names(root: Path) -> Iterator[Path]:
    """Yield the relative names of all files that move; folders that links lead to count as folders."""
    for folder, folders, files in os.walk(root, followlinks=True):
        here = Path(folder).relative_to(root)
        top = here == Path()
        folders[:] = sorted(one for one in folders if not (top and one in _LEFT))
        for one in sorted(files):
            # what stands beside a database is in it (`_settle`)
            if not (top and (one in _LEFT or one.endswith(("-shm", "-wal")))):
                yield here / one


def _settle(database: Path) -> None:
    """Bring all that was written to a database into its one file; raises StateError while somebody reads it."""
    try:
        with closing(sqlite3.connect(database, timeout=_WAIT_S)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.DatabaseError as error:
        raise StateError(Problem("move.database", where=str(database), error=str(error))) from None
    if busy:
        raise StateError(Problem("store.in-use", where=str(database)))


def _require_room(root: Path, target: Path, names: list[Path]) -> None:
    needed = sum(
        size
        for name in names
        if not ((target / name).is_file() and (target / name).stat().st_size == (root / name).stat().st_size)
        for size in [(root / name).stat().st_size]
    )
    free = shutil.disk_usage(target).free
    if needed > free:
        raise MachineError(
            Problem(
                "move.no-room",
                path=str(target),
                needed=format_quantity(needed, Unit.BYTES),
                free=format_quantity(free, Unit.BYTES),
            )
        )


def _damaged(root: Path, digests: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the folder of each sealed result that is not what was sealed, and what is wrong with it."""
    for folder in sorted(root.glob("objects/*/*")):
        place = folder.relative_to(root).as_posix()
        try:
            files = artifact_manifest.read(folder).files
        except Damaged as damage:
            yield place, str(damage)
            continue
        for name, entry in files.items():
            found = digests.get(f"{place}/{name}")
            if found is None:
                yield place, str(Phrase("damage.missing", file=name))
            elif found != entry.sha256:
                yield place, str(Phrase("damage.content", file=name))


def _write_project(path: Path, text: str) -> None:
    path = path.resolve()  # a link stays one
    with disk.replacing(path) as fresh:
        fresh.write_bytes(text.encode())
        shutil.copymode(path, fresh)


def _finished(source: Path | None, target: Path, copied: _Copied) -> MoveReport:
    """Remove what was moved, and end the move: `target` is a store like any other."""
    left = 0
    if source is not None:
        left = sum(one.stat().st_size for one in (source / "cache").rglob("*") if one.is_file())
        store_marks.mark_moved(source, target)
        _remove(source)
    (target / MOVED).unlink(missing_ok=True)
    (target / MOVING).unlink()
    disk.sync(target)
    notes = [str(Phrase("move.left-cache", size=format_quantity(left, Unit.BYTES)))] if left else []
    return MoveReport(
        store=str(target),
        source=None if source is None else str(source),
        artifacts=sum(1 for _ in target.glob("objects/*/*")),
        files=copied.files,
        size_bytes=copied.size,
        notes=tuple(notes),
        next_steps=("modelwright status",),
    )


def _remove(source: Path) -> None:
    """Remove all of a store but the mark of where it went; waits for whoever reads a sealed result."""
    store = Store(source)
    for folder in sorted(source.glob("objects/*/*")):
        with store.lock(folder.parent.name, folder.name):
            disk.remove(folder)
    for one in sorted(source.iterdir()):
        if one.name == MOVED:
            continue
        if one.is_dir() and not one.is_symlink():
            disk.remove(one)
        else:
            one.unlink()
