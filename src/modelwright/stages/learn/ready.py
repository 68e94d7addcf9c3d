"""What a learner is given: its setup, as a plan sealed it, and the rows. Checked against the machine that it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import DataError, MachineError, Problem
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners import devices
from modelwright.learners.contract.ending import Ending
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Spec
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.plan import ALL_INPUTS, BROUGHT, BROUGHT_FOLDER, Choice, Machine


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
        threads=max(1, chosen.threads // chosen.execution.processes),
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
