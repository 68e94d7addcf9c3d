"""The manifest of a sealed artifact, `artifact.json`: what is in the folder, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelwright.core import digests
from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import Phrase, Problem, StateError
from modelwright.engine.lineage import MadeFrom
from modelwright.storage.formats.document import Migration, Newer, NoMigration, migrated

NAME = "artifact.json"
FORMAT = 1

MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""From format → a function that returns the manifest in the next format. Applied when read; files stay."""


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact."""

    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class ArtifactPart:
    """A first-level folder of an artifact, so that a later stage depends on it alone."""

    stage: str
    key: str
    name: str
    digest: str
    path: Path


@dataclass(frozen=True)
class Artifact:
    """What a stage made: a sealed folder.

    `digest` is over the names and contents of its files and says nothing of how they were made; `key` is over
    what they were made from. `adopted_from` is the key under which another run made the same files.
    """

    stage: str
    key: str
    digest: str
    path: Path
    summary: Mapping[str, Any]
    made_from: MadeFrom
    parts: Mapping[str, str]
    files: Mapping[str, FileEntry]
    adopted_from: str | None = None

    def part(self, name: str) -> ArtifactPart:
        """Return a first-level folder by name."""
        assert name in self.parts, f"{self.stage} has no part {name!r}; it has {sorted(self.parts)}"
        return ArtifactPart(self.stage, self.key, name, self.parts[name], self.path / name)


class Damaged(Exception):  # noqa: N818 - a finding that a caller turns into a rebuild, never shown as an error
    """A manifest or a file of an artifact is not what was sealed; the text says which.

    Damaged(Phrase("damage.size", file="x.txt", size=3, sealed=4))
    """

    def __init__(self, phrase: Phrase) -> None:
        self.phrase = phrase
        super().__init__(phrase.id)

    def __str__(self) -> str:
        return str(self.phrase)


def contents_digest(files: Mapping[str, FileEntry]) -> str:
    """Return the digest of files by relative name; the same as `core.digest.of_folder` of such a folder."""
    return digests.of_json({name: entry.sha256 for name, entry in files.items()})


def parts_of(files: Mapping[str, FileEntry]) -> dict[str, str]:
    """Return the digest of every first-level folder by its name."""
    inside: dict[str, dict[str, FileEntry]] = {}
    for name, entry in files.items():
        part, slash, rest = name.partition("/")
        if slash:
            inside.setdefault(part, {})[rest] = entry
    return {part: contents_digest(found) for part, found in inside.items()}


def as_text(artifact: Artifact) -> str:
    """Return the manifest of an artifact as it stands in its file."""
    return json.dumps(
        {
            "format": FORMAT,
            "stage": artifact.stage,
            "key": artifact.key,
            "digest": artifact.digest,
            "parts": dict(artifact.parts),
            "files": {name: {"sha256": e.sha256, "size": e.size} for name, e in artifact.files.items()},
            "summary": dict(artifact.summary),
            "made_from": artifact.made_from.as_json(),
            "adopted_from": artifact.adopted_from,
        },
        ensure_ascii=False,
        allow_nan=False,
        indent=1,
        sort_keys=True,
    )


def read(folder: Path) -> Artifact:
    """Read and check the manifest in a folder. Raises Damaged, and StateError for a newer one."""
    path = folder / NAME
    try:
        text: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged(Phrase("damage.missing", file=NAME)) from None
    except (ValueError, NotADirectoryError) as error:
        raise Damaged(Phrase("damage.unreadable", file=NAME, error=str(error))) from None
    data: Any = _migrated(text, path)  # whatever is not as it should be ends as Damaged below
    try:
        artifact = Artifact(
            stage=data["stage"],
            key=data["key"],
            digest=data["digest"],
            path=folder,
            summary=data["summary"],
            made_from=MadeFrom.from_json(data["made_from"]),
            parts=data["parts"],
            files={name: FileEntry(e["sha256"], e["size"]) for name, e in data["files"].items()},
            adopted_from=data["adopted_from"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(Phrase("damage.unreadable", file=NAME, error=repr(error))) from None
    if artifact.digest != contents_digest(artifact.files) or artifact.parts != parts_of(artifact.files):
        raise Damaged(Phrase("damage.contradicts", file=NAME))
    return artifact


def _migrated(data: Json, where: Path) -> JsonObject:
    """Return a manifest in the current format. Raises Damaged, and StateError for a newer format."""
    if not isinstance(data, dict):
        raise Damaged(Phrase("damage.unreadable", file=NAME, error="format"))
    try:
        return migrated(data, FORMAT, MIGRATIONS)
    except NoMigration as reason:
        raise Damaged(Phrase("damage.unreadable", file=NAME, error=str(reason))) from None
    except Newer as newer:
        raise StateError(
            Problem("store.newer-format", where=str(where), number=newer.number, known=FORMAT)
        ) from None
