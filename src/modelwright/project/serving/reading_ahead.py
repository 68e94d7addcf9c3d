"""Lets the worker that was started ahead read the version in production, while what serves is imported."""

from __future__ import annotations

from contextlib import suppress

from modelwright.core.messages import PackageError
from modelwright.engine.store import Store
from modelwright.gateway.config import ServeConfig
from modelwright.project.loop import version_artifacts
from modelwright.runtime.worker.worker_process import OPENED_BY, read_ahead
from modelwright.storage.state.database import State


def read_released(config: ServeConfig, state: State, store: Store) -> None:
    """Read the package in production, where it is surely the first to be opened, and as it would be by default.

    Nothing is read during a rollout, which has two, nor of a package that is gone: the gateway says so.
    """
    if any(getattr(config, name) != ServeConfig.model_fields[name].default for name in OPENED_BY):
        return
    standing = state.standing()
    if standing.rolling is not None or standing.settled is None:
        return
    with suppress(PackageError):
        read_ahead(version_artifacts.package_folder(store, standing.versions[standing.settled.version]))
