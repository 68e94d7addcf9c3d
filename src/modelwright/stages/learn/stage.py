"""The stage `learn`: from the training rows and what `plan` sealed to a learned body.

learned/    as the learner writes it
curves/     how learning went (`storage.formats.learning_curves`)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import DataError, MachineError, Problem
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Spec
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.stages.learn.kept_points import Recording
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
) -> dict[str, object]:
    """Learn into `out` and return a summary: the history, and what it cost beside the forecast.

    `scratch` holds checkpoints that outlive a kill. Raises MachineError where the choice was sealed for
    another instruction set or other pretrained weights, because the bits would be others, and DataError where
    nothing can be learned from the rows, or the learner learns from something that the project does not have.
    """
    chosen = Choice.read(choice.path)
    if BROUGHT in chosen.pretrained:
        pretrained = {**pretrained, BROUGHT: choice.path / BROUGHT_FOLDER}
    if problems := list(_differences(chosen, machine, _weights(chosen, pretrained))):
        raise MachineError(problems)
    spec = learners.spec(chosen.learner)
    given = _data(spec, {Source.ROWS: lambda: _rows(train, validation, signature)})
    setup = Setup(
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
    )
    resumed = any(scratch.iterdir())
    started = time.perf_counter()
    (out / "learned").mkdir(parents=True)
    recording = Recording(progress)
    summary = learners.learn(spec.name).learn(signature, given, setup, out / "learned", scratch, recording)
    LearningCurves.of(recording.points).write(out / PART)
    cost: dict[str, float] = {"memory_bytes": peak_memory_bytes()}
    if not resumed:  # else this process saw only a part of it
        cost["seconds"] = time.perf_counter() - started
    return {"learner": spec.name, "resumed": resumed, **cost, **summary}


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
    for name, sealed in chosen.pretrained.items():
        folders = set(
            pretrained.values() if name == ALL_INPUTS else [pretrained[name]] if name in pretrained else []
        )
        found = {digests.of_folder(folder) for folder in folders if folder.is_dir()}
        if found != {sealed}:
            here = min(found - {sealed}, default=None)
            yield Problem("learn.other-weights", here=here[:12] if here else None, sealed=sealed[:12])
