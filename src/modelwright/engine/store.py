"""The store of sealed artifacts, in `.modelwright/`.

    objects/{stage}/{key[:20]}/   a sealed artifact: the stage's files and `artifact.json`
    tmp/                          what is being made; renamed into objects/ when whole
    scratch/{stage}/{key[:20]}/   what outlives a kill, until the artifact is sealed (`held.json`: or longer)
    cache/                        what may go at any time, for it only saves work (`gc` removes it)
    latest/{stage}.json           what each stage made last: to explain and to adopt, never to guess an input
    locks/                        one file per key

A folder stands in objects/ only when all of it is on the disk, because a rename publishes it. Whatever a kill
leaves in tmp/ is sealed (then the next process publishes it) or garbage (then it removes it).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from modelwright.core import digests
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Phrase, Problem, StateError
from modelwright.engine import artifact_manifest
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart, Damaged, FileEntry
from modelwright.engine.lineage import MadeFrom
from modelwright.storage import disk, locks

__all__ = ["Artifact", "ArtifactPart", "Latest", "Lookup", "Store"]

HELD = "held.json"  # in a scratch folder: with which artifact it stays
SHORT_KEY = 20  # hex digits of the key in a folder's name: 80 bits, far beyond any chance of two keys meeting


@dataclass(frozen=True)
class Lookup:
    """What was found under a key; `damage` says why something that lies there was not used."""

    artifact: Artifact | None
    damage: str | None = None


@dataclass(frozen=True)
class Latest:
    """What a stage made last, kept apart from it so that it explains even when the artifact is gone."""

    key: str
    digest: str
    made_from: MadeFrom


class Store:
    """Sealed artifacts by stage and key. Safe for several processes; making one needs its lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def holding(cls, folder: Path) -> tuple[Store, str, str] | None:
        """Return the store, stage and (short) key of the artifact that a folder is, or lies in; None elsewhere."""
        for inside in (folder, *folder.parents):
            place = inside.parent.parent
            if place.name == "objects" and (inside / artifact_manifest.NAME).is_file():
                return cls(place.parent), inside.parent.name, inside.name
        return None

    # -- finding -------------------------------------------------------------------------------------------

    def folder(self, stage: str, key: str) -> Path:
        """Return where the artifact of a key lies, or would."""
        return self.root / "objects" / stage / key[:SHORT_KEY]

    def lookup(self, stage: str, key: str) -> Lookup:
        """Read what lies under a key, or the start of one that names its folder.

        What is damaged (a file missing, or of another size) counts as not there.
        """
        folder = self.folder(stage, key)
        if not folder.is_dir():
            return Lookup(None)
        try:
            artifact = _read_sound(folder, stage, key)
        except Damaged as damage:
            return Lookup(None, str(damage))
        return Lookup(artifact)

    def find(self, stage: str, key: str) -> Artifact | None:
        """Return the sealed artifact of a key, or None; raises StateError for one in a newer format."""
        return self.lookup(stage, key).artifact

    def verify(self, artifact: Artifact) -> tuple[str, ...]:
        """Read all files again and return those that are not what was sealed, each with what is wrong."""
        wrong = []
        for name, entry in artifact.files.items():
            try:
                _check_size(artifact.path / name, name, entry)
            except Damaged as damage:
                wrong.append(str(damage))
                continue
            if digests.of_file(artifact.path / name) != entry.sha256:
                wrong.append(str(Phrase("damage.content", file=name)))
        return tuple(wrong)

    def artifacts(self) -> list[Artifact]:
        """Return all sound artifacts of the store, by stage and key."""
        found = []
        for folder in sorted(self.root.glob("objects/*/*")):
            with suppress(Damaged):
                found.append(artifact_manifest.read(folder))
        return found

    # -- making --------------------------------------------------------------------------------------------

    def lock(
        self, stage: str, key: str, waiting: locks.Waiting | None = None, *, shared: bool = False
    ) -> AbstractContextManager[None]:
        """Hold the lock of a key: exclusively to make the artifact, shared to read it while others might."""
        return locks.hold(self.lock_path(stage, key), waiting, shared=shared)

    def lock_path(self, stage: str, key: str) -> Path:
        """Return the lock file of a key."""
        return self.root / "locks" / f"{_short(stage, key)}.lock"

    def freeing(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Hold the lock of whoever frees space; shared, while something is made needed that was not."""
        return locks.hold(self.root / "locks" / "freeing.lock", shared=shared)

    def fresh(self, stage: str, key: str) -> Path:
        """Return an empty folder to make the artifact in; clears what a kill left. Needs the lock."""
        for left in self._left(stage, key):
            disk.remove(left)
        return self._temporary(stage, key)

    def scratch(self, stage: str, key: str) -> Path:
        """Return the durable folder of a key, which lasts until the artifact is sealed. Needs the lock."""
        folder = self.scratch_place(stage, key)
        with disk.guard(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scratch_place(self, stage: str, key: str) -> Path:
        """Return where the durable folder of a key lies, or would."""
        return self.root / "scratch" / stage / key[:SHORT_KEY]

    def hold_scratch(self, stage: str, key: str, by: Artifact) -> None:
        """Let the durable folder of a key stay as long as an artifact does that was made in place of its own."""
        with disk.guard(self.root):
            disk.write_atomically(self.scratch_place(stage, key) / HELD, json.dumps({"key": by.key}))

    def scratch_holder(self, scratch: Path) -> str | None:
        """Return the key of the artifact with which a durable folder stays, None where there is none."""
        try:
            return str(json.loads((scratch / HELD).read_text(encoding="utf-8"))["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def copy_scratch(self, stage: str, key: str, into: str, *, leave: Collection[str] = ()) -> None:
        """Begin the durable folder of another key as a copy, unless it holds something; leave: names that stay.

        Needs the lock of `into`, and at least the shared one of `key`.
        """
        source, target = self.scratch_place(stage, key), self.scratch_place(stage, into)
        if not source.is_dir() or (target.is_dir() and any(target.iterdir())):
            return
        with disk.guard(self.root):
            fresh = self._temporary(stage, into, "copying")
            shutil.copytree(
                source, fresh, dirs_exist_ok=True, ignore=lambda _, names: {HELD, *leave} & {*names}
            )
            for path in fresh.rglob("*"):
                disk.sync(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(target)  # over an empty folder, if one is there

    def clear_scratch(self, stage: str, key: str) -> None:
        """Remove the durable folder of a key. Needs the lock."""
        disk.remove(self.scratch_place(stage, key))

    def seal(
        self, out: Path, stage: str, key: str, made_from: MadeFrom, summary: Mapping[str, JsonLike]
    ) -> Artifact:
        """Publish the folder `out` (from `fresh`) as the artifact of a key. Needs the lock.

        On a full disk it raises MachineError, and what was sealed before is as it was.
        """
        with disk.guard(self.root):
            files = _seal_files(out)
            return self._publish(
                Artifact(
                    stage=stage,
                    key=key,
                    digest=artifact_manifest.contents_digest(files),
                    path=out,
                    summary=json.loads(digests.canonical_json(dict(summary))),
                    made_from=made_from,
                    parts=artifact_manifest.parts_of(files),
                    files=files,
                )
            )

    def adopt(self, old: Artifact, key: str, made_from: MadeFrom) -> Artifact:
        """Seal the files of an artifact under another key too, and record that. Needs the lock of `key`.

        Raises StateError when the old files are not what was sealed.
        """
        if wrong := self.verify(old):
            raise StateError(
                Problem(
                    "store.damaged",
                    where=str(old.path),
                    stage=old.stage,
                    damage=Phrase("list.semicolon").found.join(wrong[:3]),
                )
            )
        out = self.fresh(old.stage, key)
        with disk.guard(self.root):
            for name in old.files:
                target = out / name
                target.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(old.path / name, target)
            return self._publish(replace(old, key=key, path=out, made_from=made_from, adopted_from=old.key))

    def publish_left(self, stage: str, key: str) -> None:
        """Publish what a kill left sealed but unpublished; `key` may be short. Needs the lock."""
        # A replaced artifact moves aside under a name that sorts behind its successor's.
        for left in self._left(stage, key):
            if self.folder(stage, key).exists():
                return
            with suppress(Damaged), disk.guard(self.root):
                _read_sound(left, stage, key)
                self._move_into_place(left, self.folder(stage, key))

    # -- what was made last --------------------------------------------------------------------------------

    def latest(self, stage: str) -> Latest | None:
        """Return what the stage made or found last; None when unknown or unreadable."""
        try:
            data = json.loads((self.root / "latest" / f"{stage}.json").read_text(encoding="utf-8"))
            return Latest(data["key"], data["digest"], MadeFrom.from_json(data["made_from"]))
        except (OSError, RecursionError, ValueError, KeyError, TypeError):
            return None

    def record_latest(self, artifact: Artifact) -> None:
        """Record that this is what its stage made or found last."""
        known = self.latest(artifact.stage)
        if known is not None and known.key == artifact.key and known.digest == artifact.digest:
            return
        disk.write_atomically(
            self.root / "latest" / f"{artifact.stage}.json",
            digests.canonical_json(
                {
                    "key": artifact.key,
                    "digest": artifact.digest,
                    "made_from": artifact.made_from.as_json(),
                }
            ),
        )

    # -- inside --------------------------------------------------------------------------------------------

    def _temporary(self, stage: str, key: str, word: str = "making") -> Path:
        folder = self.root / "tmp" / f"{_short(stage, key)}.{word}.{secrets.token_hex(4)}"
        with disk.guard(self.root):
            folder.mkdir(parents=True)
        return folder

    def _left(self, stage: str, key: str) -> list[Path]:
        return sorted((self.root / "tmp").glob(f"{_short(stage, key)}.*"))

    def _publish(self, artifact: Artifact) -> Artifact:
        out, target = artifact.path, self.folder(artifact.stage, artifact.key)
        disk.write_atomically(
            out / artifact_manifest.NAME, artifact_manifest.as_text(artifact), durable=False
        )
        (out / artifact_manifest.NAME).chmod(0o444)
        disk.sync(out / artifact_manifest.NAME)
        for folder, _, _ in os.walk(out, topdown=False):
            disk.sync(Path(folder))
        old = self.find(artifact.stage, artifact.key)
        if old is not None and old.digest == artifact.digest and not self.verify(old):
            disk.remove(out)  # a forced run made the same bits: whoever reads the old ones is not disturbed
            return old
        self._move_into_place(out, target)
        return replace(artifact, path=target)

    def _move_into_place(self, out: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = None
        if (
            target.exists()
        ):  # damaged, or other bits of a forced run; `publish_left` knows what a kill leaves here
            aside = out.with_name(out.name.replace(".making.", ".replaced."))
            target.rename(aside)
        out.rename(target)
        disk.sync(target.parent)
        if aside is not None:
            disk.remove(aside)


def _short(stage: str, key: str) -> str:
    assert stage.isidentifier(), stage
    return f"{stage}.{key[:SHORT_KEY]}"


def _read_sound(folder: Path, stage: str, key: str) -> Artifact:
    artifact = artifact_manifest.read(folder)
    if artifact.stage != stage or not artifact.key.startswith(key):
        raise Damaged(Phrase("damage.other", file=artifact_manifest.NAME))
    for name, entry in artifact.files.items():
        _check_size(folder / name, name, entry)
    return artifact


def _check_size(path: Path, name: str, entry: FileEntry) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(Phrase("damage.missing", file=name)) from None
    if size != entry.size:
        raise Damaged(Phrase("damage.size", file=name, size=size, sealed=entry.size))


def _seal_files(out: Path) -> dict[str, FileEntry]:
    files = {}
    for path in sorted(out.rglob("*")):
        assert not path.is_symlink(), f"a stage made a link, which cannot be sealed: {path}"
        if path.is_dir():
            continue
        name = path.relative_to(out).as_posix()
        assert name != artifact_manifest.NAME, f"{artifact_manifest.NAME} is the name of the seal"
        path.chmod(0o444)
        disk.sync(path)
        files[name] = FileEntry(digests.of_file(path), path.stat().st_size)
    return files


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:  # another file system, or one without links
        if disk.is_full(error):
            raise
        shutil.copy2(source, target)
        disk.sync(target)
