"""Freeing space: what nobody needs goes, what anybody works on stays."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelwright.engine.store import SHORT_KEY, Store
from modelwright.storage import disk, locks


@dataclass(frozen=True)
class Freed:
    """What `collect` removed, or would, and what stays.

    `removed` and `kept` count artifacts; `folders` are all that went, relative to the store; bytes of files
    that several artifacts share are freed with the last of them. `in_use` counts the artifacts that stay only
    because a living process holds their lock.
    """

    removed: int
    freed_bytes: int
    kept: int
    kept_bytes: int
    folders: tuple[str, ...]
    in_use: int = 0


def reachable(store: Store, keys: Iterable[str]) -> set[str]:
    """Return the keys, and those of everything sealed that they were made from, all the way up."""
    artifacts = store.artifacts()
    by_digest: dict[str, set[str]] = {}
    for artifact in artifacts:
        for digest in (artifact.digest, *artifact.parts.values()):
            by_digest.setdefault(digest, set()).add(artifact.key)
    inputs = {artifact.key: set(artifact.made_from.inputs.values()) for artifact in artifacts}
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found.add(key)
        for digest in inputs.get(key, ()):
            waiting.extend(by_digest.get(digest, ()))
    return found


def collect(store: Store, keep: Set[str], *, dry_run: bool = False) -> Freed:
    """Remove what is not of the keys `keep`, nor what a stage made last, nor locked by a living process.

    Objects, scratch folders and leftovers in tmp/ go alike; so do the lock files of what is gone. A scratch folder that
    can go on stays with the artifact that was made in place of its own.
    """
    kept = {key[:SHORT_KEY] for key in keep}
    freed, left = _Count(), _Count()
    folders, removed, stay, in_use = [], 0, 0, 0
    for folder, stage, short in _candidates(store):
        with locks.attempt(store.lock_path(stage, short)) as held:
            # Whether it is needed is checked under the lock: a run seals and records the latest under the same.
            published = folder.parent.parent.name == "objects"
            if not held or not _dead(store, folder, stage, short, kept):
                left.add(folder, last_name=False)
                stay += published
                in_use += published and not held and not _is_needed(store, stage, short, kept)
                continue
            freed.add(folder, last_name=True)
            removed += published
            folders.append(folder.relative_to(store.root).as_posix())
            if not dry_run:
                disk.remove(folder)
                store.lock_path(stage, short).unlink(missing_ok=True)
    return Freed(removed, freed.bytes, stay, left.bytes, tuple(folders), in_use)


def _dead(store: Store, folder: Path, stage: str, short: str, kept: Set[str]) -> bool:
    needed = _is_needed(store, stage, short, kept)
    if needed and folder.parent.name == "tmp":
        store.publish_left(
            stage, short
        )  # sealed by a run that was killed before it could publish: no leftover
        return folder.exists()
    if folder.parent.parent.name == "scratch":
        if needed:
            return store.find(stage, short) is not None  # killed between sealing and clearing up
        holder = store.scratch_holder(folder)
        return holder is None or holder[:SHORT_KEY] not in kept
    return not needed


def _is_needed(store: Store, stage: str, short: str, kept: Set[str]) -> bool:
    latest = store.latest(stage)
    return short in kept or (latest is not None and latest.key[:SHORT_KEY] == short)


def _candidates(store: Store) -> list[tuple[Path, str, str]]:
    leftovers = [
        (folder, folder.name.split(".")[0], folder.name.split(".")[1])
        for folder in sorted((store.root / "tmp").glob("*.*.*.*"))
    ]
    published = [
        (folder, folder.parent.name, folder.name)
        for sort in ("objects", "scratch")
        for folder in sorted((store.root / sort).glob("*/*"))
        if _OURS.fullmatch(folder.name) and folder.is_dir()  # what else lies there is not ours to remove
    ]
    return leftovers + published


_OURS = re.compile(rf"[0-9a-f]{{{SHORT_KEY}}}")


class _Count:
    """Adds up the bytes of folders; a file with several names counts once: with the last, or the first."""

    def __init__(self) -> None:
        self.bytes = 0
        self._names: dict[tuple[int, int], int] = {}

    def add(self, folder: Path, *, last_name: bool) -> None:
        """Add the files below a folder."""
        for place, _, names in os.walk(folder):
            for name in names:
                with suppress(FileNotFoundError):
                    found = (Path(place) / name).lstat()
                    inode = (found.st_dev, found.st_ino)
                    left = self._names.get(inode, found.st_nlink) - 1
                    if left == 0 if last_name else inode not in self._names:
                        self.bytes += found.st_size
                    self._names[inode] = left
