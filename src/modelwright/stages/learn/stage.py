"""The stage `learn`: from the training rows and what `plan` sealed to a learned body.

learned/    as the learner writes it
curves/     how learning went (`storage.formats.learning_curves`)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import DataError, MachineError, Problem
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners import devices
from modelwright.learners.contract.ending import Ending, LearningCut
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Spec
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.stages.learn import cut_notices
from modelwright.stages.learn.kept_points import Recording
from modelwright.stages.learn.learning_time import LearningTime, limit_s
from modelwright.storage.formats.cut_mark import CutMark
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.learning_curves import PART, LearningCurves
from modelwright.storage.formats.plan import ALL_INPUTS, BROUGHT, BROUGHT_FOLDER, Choice, Machine


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
    spent = LearningTime(scratch, now)
    if limited and planned_s is not None and spec.cuttable:
        limit = limit_s(planned_s)
        setup = replace(setup, ending=Ending(chosen.last_steps, lambda share: spent.is_over(share * limit)))
    elif (mark := CutMark.read(scratch)) is not None:
        replace(mark, taken_up=True).write(scratch)  # its state goes beyond the step that the mark names
    started = time.perf_counter()
    (out / "learned").mkdir(parents=True)
    recording = Recording(progress)
    try:
        summary = learners.learn(spec.name).learn(
            signature, given, setup, out / "learned", scratch, recording
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
    if limited and planned_s is not None and not spec.cuttable and spent.seconds() > limit_s(planned_s):
        notices.append(cut_notices.of_none(spec.name, spent.seconds(), planned_s))
    warnings = [*_list(summary.get("warnings")), *(one.to_wire() for one in notices)]
    beside = {"warnings": warnings} if warnings else {}
    return {"learner": spec.name, "resumed": resumed, **cost, **summary, **beside}


def ready(
    chosen: Choice, folder: Path, machine: Machine, pretrained: Mapping[str, Path]
) -> tuple[Spec, Setup]:
    """Return the learner of a choice and its setup; folder: where the choice lies.

    Raises MachineError where it was sealed for another machine or other weights.
    """
    if BROUGHT in chosen.pretrained:
        pretrained = {**pretrained, BROUGHT: folder / BROUGHT_FOLDER}
    if problems := list(_differences(chosen, machine, _weights(chosen, pretrained))):
        raise MachineError(problems)
    spec = learners.spec(chosen.learner)
    return spec, Setup(
        learner=spec.name,
        steps=chosen.steps,
        batch=chosen.batch,
        threads=chosen.threads,
        precision=chosen.precision,
        instruction_set=chosen.instruction_set,
        seed=chosen.seed,
        options=spec.Options.model_validate(chosen.options),
        training=spec.Training.model_validate(chosen.training),
        pretrained=_weights(chosen, pretrained),
        augment=chosen.augment,
        members=chosen.members,
        ending=Ending(chosen.last_steps),
        execution=chosen.execution,
    )


def rows_for(spec: Spec, train: ArtifactPart, validation: ArtifactPart, signature: Signature) -> object:
    """Return what a learner learns from; raises DataError where the project has no such source."""
    return _data(spec, {Source.ROWS: lambda: _rows(train, validation, signature)})


def _list(given: object) -> list[object]:
    return given if isinstance(given, list) else []


def _data(spec: Spec, sources: Mapping[Source, Callable[[], object]]) -> object:
    """Return the data of the first source of a learner that the project has; raises DataError where it has none."""
    for source in spec.sources:
        if source in sources:
            return sources[source]()
    raise DataError(
        Problem(
            "learn.no-source",
            learner=spec.name,
            sources=", ".join(spec.sources),
            available=", ".join(sorted(sources)),
        )
    )


def _rows(train: ArtifactPart, validation: ArtifactPart, signature: Signature) -> Rows:
    return Rows(read_examples(train.path, signature), read_examples(validation.path, signature))


def _weights(chosen: Choice, pretrained: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return the weights of the inputs for which the choice was sealed with some."""
    if ALL_INPUTS in chosen.pretrained:
        return pretrained
    return {name: path for name, path in pretrained.items() if name in chosen.pretrained}


def _differences(chosen: Choice, machine: Machine, pretrained: Mapping[str, Path]) -> Iterator[Problem]:
    """Yield in what this machine is not the one that the choice was sealed for."""
    if machine.instruction_set != chosen.instruction_set:
        yield Problem(
            "learn.other-instruction-set", here=machine.instruction_set, sealed=chosen.instruction_set
        )
    for one in (chosen.execution, *(member.execution for member in chosen.members)):
        if one.gpu is not None and (here := devices.gpu_of(one.device, machine)) != one.gpu:
            yield Problem("learn.other-device", device=one.device, here=here, sealed=one.gpu)
    for name, sealed in chosen.pretrained.items():
        folders = set(
            pretrained.values() if name == ALL_INPUTS else [pretrained[name]] if name in pretrained else []
        )
        found = {digests.of_folder(folder) for folder in folders if folder.is_dir()}
        if found != {sealed}:
            here = min(found - {sealed}, default=None)
            yield Problem("learn.other-weights", here=here[:12] if here else None, sealed=sealed[:12])
