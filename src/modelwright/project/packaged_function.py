"""The packaged function of a project's version, loaded here."""

from __future__ import annotations

from contextlib import nullcontext

from modelwright.engine.store import Store
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_names import PACKAGE
from modelwright.runtime.function import Function, load
from modelwright.storage.state.database import State


def packaged(state: State, store: Store, number: int | None, *, locks: bool) -> tuple[int, Function]:
    """Return a version and its function: `number`, or that in production, or the newest; raises PackageError.

    locks: whether a lock may be written, so that nobody removes the package while it is read.
    """
    version = version_artifacts.answering(state, number)
    # once it is loaded, its files are needed no more
    with store.lock(PACKAGE, version.package_key, shared=True) if locks else nullcontext():
        folder = version_artifacts.package_folder(store, version)
        function = load(folder)
    version_artifacts.require_its_package(version, folder, function.digest)
    return version.number, function
