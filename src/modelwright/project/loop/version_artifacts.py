"""Finds what a version consists of in the store: its package and its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from modelwright.core.messages import DataError, PackageError, Phrase, Problem, StateError
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.store import Store
from modelwright.project.loop.stage_names import EVALUATE, PACKAGE
from modelwright.storage.file_digests import FileDigests
from modelwright.storage.formats.evidence import Evidence, read_evidence
from modelwright.storage.state.database import State
from modelwright.storage.state.versions import Version


def newest(state: State) -> Version:
    """Return the newest version; raises StateError when there is none yet."""
    versions = state.versions()
    if not versions:
        raise StateError(Problem("versions.none"))
    return max(versions, key=lambda one: one.number)


def answering(state: State, number: int | None = None) -> Version:
    """Return the version named, else the one in production, else the newest. Raises StateError."""
    if number is not None:
        return state.version(number)
    return state.production() or newest(state)


def package_folder(store: Store, version: Version) -> Path:
    """Return the folder of a version's package; raises PackageError when it is gone or damaged."""
    return _find(store, PACKAGE, version.package_key).part("package").path


def package_damage(store: Store, version: Version, digests: FileDigests) -> Iterator[Phrase]:
    """Yield what is wrong with the files of a version's package: gone, of another size, or with another byte.

    digests: they remember what they read, so that a file is read again only where something says that it changed.
    """
    found = store.lookup(PACKAGE, version.package_key)
    wrong: Iterable[str | None] = (found.damage,)
    if found.artifact is not None:
        part = found.artifact.part("package")
        try:
            wrong = () if digests.of(part.path) == part.digest else store.verify(found.artifact)
        except DataError as error:
            wrong = (one.found for one in error.problems)
    for damage in wrong:
        yield Phrase("status.damaged", version=version.number, damage=damage)


def require_its_package(version: Version, folder: Path, digest: str) -> None:
    """Raise PackageError where the package that a folder holds is not the one that the version was judged by."""
    if digest != version.package_digest:
        raise PackageError(
            Problem(
                "versions.other-package",
                where=str(folder),
                version=version.number,
                judged=version.package_digest[:12],
                there=digest[:12],
            )
        )


def evidence(store: Store, version: Version) -> Evidence:
    """Return the evidence of a version; raises PackageError when it is gone or damaged."""
    return read_evidence(evidence_folder(store, version))


def evidence_folder(store: Store, version: Version) -> Path:
    """Return the folder with the evidence of a version; raises PackageError when it is gone or damaged."""
    return _find(store, EVALUATE, version.evidence_key).part("evidence").path


def _find(store: Store, stage: str, key: str) -> Artifact:
    found = store.lookup(stage, key)
    if found.artifact is None:
        raise PackageError(
            Problem("versions.gone", where=str(store.root), stage=stage, damage=found.damage, key=key[:20])
        )
    return found.artifact
