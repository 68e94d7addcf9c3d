"""Serves a package alone: no project, no state database, and nothing that must be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import Problem
from modelwright.engine.store import Store
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import serve as serve_gateway
from modelwright.gateway.station import Live
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, DesiredVersion
from modelwright.package import packages
from modelwright.storage import read_only

RECORD = "live.db"
VERSION = 1  # what answers and metrics call it: a package knows no number of its own


@dataclass(frozen=True)
class OnePackage:
    """Tells the gateway to serve one package, as long as it runs."""

    package: Path
    digest: str

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic:
        """Return the traffic of a release of the package."""
        return DesiredTraffic.all_to(VERSION, DesiredVersion(VERSION, self.package, self.digest))

    def moved(self, traffic: DesiredTraffic) -> None:
        """Note nothing: the gateway logs it."""

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        """Note nothing: the gateway logs it, and is not ready."""


def serve_package(
    package: Path,
    settings: Sequence[str] = (),
    *,
    host: str | None = None,
    port: int | None = None,
    record: Path | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve a package's folder until interrupted; raises PackageError for a damaged one, before a port is taken.

    settings: texts such as `serve.limits.rows=10`; record: the folder where live traffic is recorded (None: nowhere).
    """
    folder = package.absolute()
    with _kept(folder):
        signature, digest = packages.introduced(folder)
        given: Mapping[str, object] = {
            name: value for name, value in (("host", host), ("port", port)) if value is not None
        }
        serve_gateway(
            signature.name,
            _config(str(signature), settings, folder).model_copy(update=given),
            OnePackage(folder, digest),
            live=None if record is None else Live(record / RECORD),
            started=started,
        )


def _config(signature: str, settings: Sequence[str], folder: Path) -> ServeConfig:
    """Return how a package is served; raises ProjectError for settings that no project file could have."""
    if not settings:
        return ServeConfig()
    # all that a project file can say, the options of every learner too: who sets nothing starts a fifth sooner
    from modelwright.project.declaration import project_file

    return project_file.from_mapping({"function": signature}, settings, folder).file.serve


def _kept(folder: Path) -> AbstractContextManager[None]:
    """Keep `gc` from freeing a package that lies in a project's store: a worker that is started again reads it again.

    Nothing is held of a folder elsewhere, nor of a store that cannot be written, from which nothing is freed.
    """
    found = Store.holding(folder.resolve())
    if found is None or not read_only.is_writable(found[0].root):
        return nullcontext()
    store, stage, key = found
    return store.lock(stage, key, shared=True)
