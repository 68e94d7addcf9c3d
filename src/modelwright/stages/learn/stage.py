"""The stage `learn`: from the training rows and what `plan` sealed to a learned body.

learned/    as the learner writes it
curves/     how learning went (`storage.formats.learning_curves`)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from modelwright import learners
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.ending import Ending, LearningCut
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.stages.learn import cut_notices
from modelwright.stages.learn.kept_points import Recording
from modelwright.stages.learn.learning_time import LearningTime, limit_s
from modelwright.stages.learn.rank_processes import RankProcesses
from modelwright.stages.learn.ready import ready, rows_for
from modelwright.storage.formats.cut_mark import CutMark
from modelwright.storage.formats.learning_curves import PART, LearningCurves
from modelwright.storage.formats.plan import Choice, Machine


def learn(
    train: ArtifactPart,
    validation: ArtifactPart,
    choice: ArtifactPart,
    signature: Signature,
    machine: Machine,
    pretrained: Mapping[str, Path],
    out: Path,
    scratch: Path,
    progress: Progress,
    *,
    planned_s: float | None = None,
    limited: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, object]:
    """Learn into `out` and return a summary: the history, and what it cost beside the forecast.

    planned_s: seconds of learning on a quiet machine; limited: whether it ends where the clock says that far more have
    passed (`learning_time`): then LearningCut is raised, and `scratch` holds a mark beside the state.
    `scratch` holds checkpoints that outlive a kill. Raises MachineError where the choice was sealed for
    another instruction set or device, or other pretrained weights, because the bits would be others, and DataError
    where nothing can be learned from the rows, or the learner learns from something that the project does not have.
    """
    chosen = Choice.read(choice.path)
    spec, setup = ready(chosen, choice.path, machine, pretrained)
    given = rows_for(spec, train, validation, signature)
    resumed = any(scratch.iterdir())
    learning = learners.learn(spec.name)  # what loading its libraries takes is no part of learning
    spent = LearningTime(scratch, now)
    if limited and planned_s is not None and spec.cuttable:
        limit = limit_s(planned_s)
        setup = replace(
            setup,
            ending=Ending(
                chosen.last_steps, lambda share: spent.is_over(share * limit), lambda: spent.seconds() / limit
            ),
        )
    elif (mark := CutMark.read(scratch)) is not None:
        replace(mark, taken_up=True).write(scratch)  # its state goes beyond the step that the mark names
    started = time.perf_counter()
    (out / "learned").mkdir(parents=True)
    recording = Recording(progress)
    size = setup.execution.processes
    parts = {"train": train, "validation": validation, "choice": choice}
    try:
        with RankProcesses(parts, signature, machine, pretrained, scratch, size) as others:
            summary = learning.learn(
                signature, given, replace(setup, ranks=others.ranks), out / "learned", scratch, recording
            )
    except LearningCut as cut:
        spent.write()
        CutMark(cut.training, cut.step, cut.steps).write(scratch)
        raise
    LearningCurves.of(recording.points).write(out / PART)
    cost: dict[str, float] = {"memory_bytes": peak_memory_bytes()}
    if not resumed:  # else this process saw only a part of it
        cost["seconds"] = time.perf_counter() - started
    notices = [*cut_notices.of_cut(chosen, recording.points, spent.seconds(), planned_s)]
    without_end = [name for name in chosen.learners if not learners.spec(name).cuttable]
    is_late = limited and planned_s is not None and spent.seconds() > limit_s(planned_s)
    if planned_s is not None and is_late and without_end and not chosen.last_steps:
        notices.append(cut_notices.of_none(without_end, spent.seconds(), planned_s))
    warnings = [*_list(summary.get("warnings")), *(one.to_wire() for one in notices)]
    beside = {"warnings": warnings} if warnings else {}
    return {"learner": spec.name, "resumed": resumed, **cost, **summary, **beside}


def _list(given: object) -> list[object]:
    return given if isinstance(given, list) else []
