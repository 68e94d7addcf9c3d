"""What of a run is recorded: the settings of its plan, the points of learning, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelwright.core import digests
from modelwright.core.progress import LearningPoint
from modelwright.engine.artifact_manifest import Artifact
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import Run, evidence_of
from modelwright.project.loop.stage_names import DATA, EVALUATE, LEARN, PACKAGE, PLAN
from modelwright.project.tracking.tracker import Tracked, key
from modelwright.storage.formats.evidence import Evidence
from modelwright.storage.formats.learning_curves import PART, LearningCurves


def begun(context: Context) -> Tracked:
    """Return what is known before anything is learned: the plan and the rows."""
    choice = context.choice
    parts = [context.part(PLAN, "choice"), context.part(DATA, "train"), context.part(DATA, "validation")]
    params = {
        "function": str(context.signature),
        "learner": choice.learner,
        "steps": str(choice.steps),
        "batch": str(choice.batch),
        "seed": str(choice.seed),
        "threads": str(choice.threads),
        "precision": choice.precision,
        "instruction_set": choice.instruction_set,
        "device": choice.execution.device,
        "gpu": choice.execution.gpu,
        **dict(_flat("model", choice.options)),
        **dict(_flat("learn", choice.training)),
        **dict(_flat("augment", choice.augment)),
        **{f"pretrained.{name}": digest[:12] for name, digest in choice.pretrained.items()},
    }
    return Tracked(
        digests.of_json([part.digest for part in parts])[:32],
        {key(name): value for name, value in params.items() if value},
    )


def ended(context: Context, run: Run) -> Tracked:
    """Return all that is recorded of a run that has come to `learn`."""
    found = begun(context)
    tags = {"modelwright.learned": context.part(LEARN, "learned").digest}
    if PACKAGE in context.made:
        tags["modelwright.package"] = context.part(PACKAGE, "package").digest
    if EVALUATE not in context.made:
        return Tracked(found.identity, found.params, tags=tags)
    evidence = evidence_of(context.made[EVALUATE])
    if run.version is not None:
        tags["modelwright.version"] = str(run.version)
    for verdict in run.verdicts:
        requirement = verdict.requirement
        tags[key("requirement", str(verdict.phase), str(requirement.subject))] = (
            f"{verdict.outcome}: {requirement.text}"
        )
    name = None if run.version is None else f"{context.signature.name} {run.version}"
    digest = context.part(EVALUATE, "evidence").digest
    return Tracked(found.identity, found.params, digest, name, tags, dict(_figures(evidence)))


def points(learned: Artifact) -> Iterator[LearningPoint]:
    """Yield the points that `learn` sealed; none of what an earlier version sealed."""
    if PART not in learned.parts:
        return
    for one in LearningCurves.read(learned.part(PART).path).learned:
        for curve in one.curves:
            for step, value in zip(curve.steps, curve.values, strict=True):
                yield LearningPoint(step, {curve.figure: value}, one.of, one.unit)


def _figures(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Yield each figure with the ends of its interval and n; what could not be measured is no figure."""
    for one in evidence.measurements:
        name = key(str(one.phase), str(one.subject))
        for suffix, value in (("", one.value), (".low", one.low), (".high", one.high), (".n", one.n)):
            if one.value is not None and value is not None:
                yield name + suffix, float(value)


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield nested settings by their dotted names; what is None is left to a default, and left out."""
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _flat(f"{name}.{inner}", one)
    elif value is not None:
        yield name, str(value)
