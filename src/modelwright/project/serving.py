"""A released version at work: what the gateway is to serve, and serving it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelwright.core.messages import Problem, StateError
from modelwright.engine.store import Store
from modelwright.gateway.server import serve as serve_gateway
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, DesiredVersion
from modelwright.project.live_traffic import LIVE_RECORD
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_table import Context
from modelwright.storage.state.database import State


class StateReleases:
    """Tells the gateway which release to serve, from the state database, and writes back what became of it."""

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        """Return the traffic of the release that should be serving."""
        release = self._state.desired_release()
        if release is None:
            return None
        version = self._state.version(release.version)
        folder = version_artifacts.package_folder(self._store, version)
        return DesiredTraffic.all_to(
            release.id, DesiredVersion(version.number, folder, version.package_digest)
        )

    def moved(self, traffic: DesiredTraffic) -> None:
        """Write that the traffic has moved."""
        self._state.mark(traffic.release_id, "serving")

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Write that the release could not start."""
        self._state.mark(release_id, "failed", str(problem))


def serve(
    context: Context,
    store: Store,
    root: Path,
    host: str | None,
    port: int | None,
    started: Callable[[str], None],
) -> None:
    """Serve what is released until interrupted; raises StateError when nothing is.

    `started` is called with the address once it is taken.
    """
    if context.state.desired_release() is None:
        raise StateError(Problem("serve.nothing-released"))
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    config = context.opened.file.serve.model_copy(update=given)
    file = context.opened.file
    serve_gateway(
        context.opened.signature.name,
        config,
        StateReleases(context.state, store),
        record=root / LIVE_RECORD if config.record.enabled else None,
        requirements=context.opened.requirements,
        confidence=file.confidence,
        window_s=file.monitor.window_s,
        refresh_s=file.monitor.refresh_s,
        started=started,
    )
