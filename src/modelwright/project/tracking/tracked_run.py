"""What of a run is recorded: the settings of its plan, its search, the points of learning, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from modelwright.core import digests
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.progress import LearningPoint
from modelwright.engine.artifact_manifest import Artifact
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import Run, Searched, evidence_of
from modelwright.project.loop.stage_names import DATA, EVALUATE, LEARN, PACKAGE, PLAN
from modelwright.project.tracking.tracker import Tracked, TrackedTrial, key
from modelwright.storage.formats.learning_curves import PART, LearningCurves
from modelwright.storage.formats.search import State

VALIDATION = "validation"
_STATUS: Mapping[State, str] = {"done": "FINISHED", "failed": "FAILED", "pruned": "KILLED"}  # MLflow's


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
    trials = tuple(trials_of(found.identity, run.search)) if run.search is not None else ()
    if EVALUATE not in context.made:
        return replace(found, tags=tags, trials=trials)
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
    figures = dict(_figures(evidence.measurements))
    return replace(found, evidence=digest, name=name, tags=tags, figures=figures, trials=trials)


def points(learned: Artifact) -> Iterator[LearningPoint]:
    """Yield the points that `learn` sealed; none of what an earlier version sealed."""
    if PART not in learned.parts:
        return
    for one in LearningCurves.read(learned.part(PART).path).learned:
        for curve in one.curves:
            for step, value in zip(curve.steps, curve.values, strict=True):
                yield LearningPoint(step, {curve.figure: value}, one.of, one.unit)


def trials_of(identity: str, searched: Searched) -> Iterator[TrackedTrial]:
    """Yield the trials of a search as the leaderboard has them: those with a package first, the one taken before all.

    They are the trials of what was learned of them: where another one is taken, its run has them below it, too.
    """
    order = searched.judged.order
    placed = {one.number for one in order}
    for place, one in enumerate((*order, *(o for o in searched.search.trials if o.number not in placed)), 1):
        drawn = [_flat(name, value) for name, value in one.values.items()]
        done = one.state == "done"
        tags = {
            "modelwright.state": one.state,
            "modelwright.taken": str(one is searched.judged.taken).lower(),
        }
        tags |= {"modelwright.package": one.package} if one.package else {}
        tags |= {"modelwright.why": str(one.why)} if one.why is not None else {}
        yield TrackedTrial(
            f"{identity}.{one.number}",
            f"trial {one.number}",
            _STATUS[one.state],
            {key(name): value for name, value in (("learner", one.learner or ""), *chain(*drawn)) if value},
            tags,
            {
                **({"place": float(place)} if done else {}),
                "seconds": one.seconds,
                **dict(_figures(one.measurements, VALIDATION)),
            },
        )


def _figures(
    measurements: Iterable[Measurement], of_answers: str | None = None
) -> Iterator[tuple[str, float]]:
    """Yield each figure with the ends of its interval and n; what could not be measured is no figure.

    of_answers: what figures of answers go under, where their rows are not those of test.
    """
    for one in measurements:
        phase = of_answers if of_answers and one.phase is Phase.TEST else str(one.phase)
        name = key(phase, str(one.subject))
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
