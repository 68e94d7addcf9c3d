"""A run round the loop: what it rests on, its stages, what is written of it, and the stamp for when nothing changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import modelwright
from modelwright.core.messages import MachineError
from modelwright.engine.facts import LANGUAGE, LIBRARIES
from modelwright.engine.runner import Runner
from modelwright.engine.step_sources import Sources
from modelwright.project import state_history
from modelwright.project.loop import last_run, loop
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import LEARN
from modelwright.project.results import run_notes
from modelwright.project.results.run_result import RunResult
from modelwright.project.tracking.run_tracking import RunTracking
from modelwright.project.tuning.declared_space import require_space


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for; see `Project.run`."""

    to: str
    start: str | None
    keep: Collection[str]
    force: bool
    replan: bool


def run(
    context: Context, runner: Runner, root: Path, settings: Sequence[str], wanted: RunRequest
) -> RunResult:
    """Go round the loop, and write reports and stamp; root: of the store; settings: beside the project file."""
    opened = context.opened
    # What every run rests on, whatever its stages: the file, our own code, the libraries, the language.
    runner.record.rest_on(
        Sources(facts=(LIBRARIES, LANGUAGE)),
        contents=(opened.path,) if opened.path is not None else (),
        code=(modelwright.__name__,),
    )
    require_space(opened)
    tracking = RunTracking(context, root)
    runner.watch(LEARN, tracking.watching)
    with tracking:
        went = loop.run_stages(
            context,
            runner,
            to=wanted.to,
            start=wanted.start,
            keep=wanted.keep,
            force=wanted.force,
            replan=wanted.replan,
        )
        untracked = tuple(tracking.finish(went))
    result = run_notes.result_of(context, went, wanted.to, untracked)
    state_history.remember(context.state, context.store)
    run_notes.write_reports(context, went, root / "reports")
    # what could not be recorded is tried again by the next run
    if opened.path is not None and not result.problems and not untracked:
        # Where it cannot be written, the next run is only slower.
        with suppress(OSError, MachineError):
            runner.record.stamp(
                last_run.place(opened.path),
                last_run.arguments(opened.path, wanted.to, settings),
                last_run.kept_result(result),
            )
    return result
