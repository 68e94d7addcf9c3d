"""A released version at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, cast

from modelwright.core.messages import Problem, StateError
from modelwright.engine.store import Store
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.keys import label_policy
from modelwright.gateway.server import serve as serve_gateway
from modelwright.gateway.station import Live, Serving
from modelwright.gateway.traffic.desired_traffic import Sticky
from modelwright.monitors import live_requirements
from modelwright.project.live_traffic import LIVE_RECORD, rollout_judge
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_table import Context
from modelwright.project.serving.project_operations import ProjectOperations
from modelwright.project.serving.rollout_leading import StateReleases


def serving_of(context: Context, store: Store, root: Path) -> Serving:
    """Return how a project's function is served; raises StateError for a release that only traffic could judge."""
    file = context.opened.file
    if not file.serve.record.enabled and context.state.rolling_release() is not None:
        raise StateError(Problem("release.no-record"))
    requirements, live, judge = context.opened.requirements, None, None
    if file.serve.record.enabled:
        judge = rollout_judge(context, root)
        live = Live(
            root / LIVE_RECORD,
            requirements,
            file.confidence,
            file.monitor.window_s,
            file.monitor.refresh_s,
            label_policy(file.serve, context.opened.signature),
        )
    releases = StateReleases(
        context.state,
        partial(version_artifacts.package_folder, store),
        judge,
        forget=None if judge is None else judge.forget,
        keep_s=file.release.keep,
        sticky=_sticky(file.release.sticky),
    )
    bar_s = live_requirements.latency_bar_s(requirements)
    memory_bytes = live_requirements.memory_bar_bytes(requirements)
    operations = ProjectOperations(context, store)
    config = _placed(file.serve, context.opened.folder)
    return Serving(context.opened.signature.name, config, releases, live, bar_s, operations, memory_bytes)


def serve(
    serving: Serving,
    beside: Sequence[Serving],
    host: str | None,
    port: int | None,
    started: Callable[[str], None],
) -> None:
    """Serve functions until interrupted; host, port: in place of those of the first one's file.

    `started` is called with the address once it is taken.
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    serve_gateway(
        serving.function,
        serving.config.model_copy(update=given),
        serving.releases,
        live=serving.live,
        bar_s=serving.bar_s,
        operations=serving.operations,
        memory_bytes=serving.memory_bytes,
        beside=beside,
        started=started,
    )


def _placed(config: ServeConfig, folder: Path) -> ServeConfig:
    """Return the settings with the files that they name as the gateway finds them, wherever it is started."""
    tls, audit = config.tls, config.audit
    return config.model_copy(
        update={
            "audit": None if audit is None else str(folder / audit),
            "tls": None
            if tls is None
            else tls.model_copy(
                update={"certificate": str(folder / tls.certificate), "key": str(folder / tls.key)}
            ),
        }
    )


def _sticky(given: str | None) -> Sticky | None:
    """Return what keeps a caller with one version, `header x-user` as the project file has it."""
    if given is None:
        return None
    of, name = given.split(maxsplit=1)
    return Sticky(cast("Literal['header', 'cookie', 'input']", of), name)
