"""A released version at work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, cast

from modelwright.core.messages import Problem, StateError
from modelwright.engine.store import Store
from modelwright.gateway.keys import label_policy
from modelwright.gateway.server import serve as serve_gateway
from modelwright.gateway.traffic.desired_traffic import Sticky
from modelwright.project.live_traffic import LIVE_RECORD, rollout_judge
from modelwright.project.loop import version_artifacts
from modelwright.project.loop.stage_table import Context
from modelwright.project.project_operations import ProjectOperations
from modelwright.project.rollout_leading import StateReleases


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
    if not context.opened.file.serve.record.enabled and context.state.rolling_release() is not None:
        raise StateError(Problem("release.no-record"))
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    config = context.opened.file.serve.model_copy(update=given)
    file = context.opened.file
    labels = label_policy(config, context.opened.signature)
    serve_gateway(
        context.opened.signature.name,
        config,
        StateReleases(
            context.state,
            partial(version_artifacts.package_folder, store),
            rollout_judge(context, root) if config.record.enabled else None,
            keep_s=file.release.keep,
            sticky=_sticky(file.release.sticky),
        ),
        record=root / LIVE_RECORD if config.record.enabled else None,
        requirements=context.opened.requirements,
        confidence=file.confidence,
        window_s=file.monitor.window_s,
        refresh_s=file.monitor.refresh_s,
        labels=labels,
        operations=ProjectOperations(context, store),
        started=started,
    )


def _sticky(given: str | None) -> Sticky | None:
    """Return what keeps a caller with one version, `header x-user` as the project file has it."""
    if given is None:
        return None
    of, name = given.split(maxsplit=1)
    return Sticky(cast("Literal['header', 'cookie', 'input']", of), name)
