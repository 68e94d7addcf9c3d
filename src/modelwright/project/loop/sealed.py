"""Finds what a version consists of in the store: its package and its evidence."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.messages import PackageError, Problem, StateError
from modelwright.engine.store import Artifact, Store
from modelwright.storage.formats.evidence import Evidence, read_evidence
from modelwright.storage.state.database import State
from modelwright.storage.state.versions import Version


def newest(state: State) -> Version:
    """Return the newest version; raises StateError when there is none yet."""
    versions = state.versions()
    if not versions:
        raise StateError(
            Problem(
                "versions.none",
                rule="there is a version once a run has come to `evaluate`",
                found="no version yet",
                next_step="run `modelwright run`",
            )
        )
    return max(versions, key=lambda one: one.number)


def package_folder(store: Store, version: Version) -> Path:
    """Return the folder of a version's package; raises PackageError when it is gone or damaged."""
    return _find(store, "package", version.package_key).part("package").path


def evidence(store: Store, version: Version) -> Evidence:
    """Return the evidence of a version; raises PackageError when it is gone or damaged."""
    return read_evidence(_find(store, "evaluate", version.evidence_key).part("evidence").path)


def _find(store: Store, stage: str, key: str) -> Artifact:
    look = store.lookup(stage, key)
    if look.artifact is None:
        raise PackageError(
            Problem(
                "versions.gone",
                rule=f"what `{stage}` sealed for a version stays in the store",
                found=look.damage or f"nothing under {key[:20]}",
                next_step="run `modelwright run`: it makes it again",
                where=str(store.root),
            )
        )
    return look.artifact
