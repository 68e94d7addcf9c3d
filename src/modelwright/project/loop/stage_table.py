"""The table of stages: the only place that knows their order and what each takes.

A row makes the engine's Step of one stage from the project file and what the rows above have sealed. A stage is
named here, not imported, so that a stage whose result is sealed loads none of its libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from modelwright import kinds, learners, outcomes
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, StateError
from modelwright.core.signature import Signature
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart
from modelwright.engine.facts import MACHINE
from modelwright.engine.step import Outdated, Step
from modelwright.kinds.outputs import outputs
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop import places
from modelwright.project.loop.context import Context, counts_part
from modelwright.project.loop.stage_names import DATA, EVALUATE, LEARN, PACKAGE, PLAN
from modelwright.stages.data.windows.window_fields import AT_MOMENT
from modelwright.stages.plan.config import uses as plan_uses
from modelwright.storage.formats.data import Counts, DataProfile, read_signature
from modelwright.storage.formats.evidence import read_details, read_evidence
from modelwright.storage.formats.plan import Choice, Forecast

__all__ = ["TABLE", "Context"]


def _section(model: BaseModel) -> JsonObject:
    """Return a section of the project file as it enters a key."""
    section: JsonObject = model.model_dump(mode="json")
    return section


def _kinds(signature: Signature, *facets: str) -> tuple[str, ...]:
    """Return the modules of those facets of the kinds that a signature uses."""
    names = sorted({one.kind for one in (*signature.inputs, *signature.outputs)})
    return tuple(module for name in names for module in kinds.modules(name, *facets))


def _families(signature: Signature, *facets: str) -> tuple[str, ...]:
    """Return the modules of the families of a signature's outputs: their metrics, and some facets."""
    names = sorted({output.family for output in outputs(signature)})
    own = (module for name in names for module in outcomes.modules(name, "outcomes", "metrics", *facets))
    return (*own, *outcomes.foreign_metrics())


def _every_kind(opened: Opened, *facets: str) -> tuple[str, ...]:
    """Return the modules for a signature whose inputs the data decides: of all kinds, for any may be inferred."""
    if not opened.open_inputs:
        return _kinds(opened.signature, *facets)
    return tuple(module for name in kinds.names() for module in kinds.modules(name, *facets))


def _declared(opened: Opened) -> JsonObject:
    """Return the function as the file declares it, in one form however it is written."""
    return {"signature": str(opened.signature), "open inputs": opened.open_inputs}


def _need(artifact: Artifact, *parts: str) -> None:
    """Raise StateError where a result that is to be adopted lacks a part, as one of another layout does."""
    for part in parts:
        if part not in artifact.parts:
            raise StateError(
                Problem("store.other-layout", where=str(artifact.path), stage=artifact.stage, part=part)
            )


def _data(context: Context) -> Step:
    opened = context.opened
    return Step(
        DATA,
        "modelwright.stages.data.stage:data",
        config={"function": _declared(opened), "data": _section_of_data(opened)},
        sources=places.of_data(opened),
        code=_every_kind(opened, "value", "column", "infer", "profile", "twins"),
        arguments={
            "signature": opened.signature,
            "open_inputs": opened.open_inputs,
            "config": opened.file.data,
            "folder": opened.folder,
        },
        readable=_readable_data,
    )


def _section_of_data(opened: Opened) -> JsonObject:
    """Return the section `data` without what only learning reads."""
    section = _section(opened.file.data)
    del section["augment"]
    return section


def _readable_data(data: Artifact) -> None:
    _need(data, "train", "validation", "test", "profile", *(() if "census" in data.parts else ("counts",)))
    read_signature(data.part("profile").path)
    DataProfile.read(data.part("profile").path)
    Counts.read(counts_part(data).path)


def _plan(context: Context) -> Step:
    file = context.opened.file
    weights = places.of_weights(context.pretrained, file.model.pretrained, context.opened.folder)
    own = places.of_own_code(file.model.options.get("module"), context.opened.folder)
    return Step(
        PLAN,
        "modelwright.stages.plan.stage:plan",
        config={
            "model": _section(context.model),
            "learn": _section(file.learn),
            "plan": _section(file.plan),
            "augment": _section(file.data)["augment"],
        },
        inputs={
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "profile": context.part(DATA, "profile"),
        },
        # Another machine makes no other plan by itself: the sealed choice says which one it is for (see `run`).
        sources=replace(
            weights,
            files={**weights.files, **context.brought},
            places=(*weights.places, *own.places),
            patterns=own.patterns,
            facts=(MACHINE,),
        ),
        code=(
            *plan_uses(file.plan, file.model, context.signature),
            *_kinds(context.signature, "value", "column", "arrays", "augment"),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "signature": context.signature,
            "config": file.plan,
            "model": context.model,
            "learn": file.learn,
            "machine": context.machine,
            "pretrained": context.pretrained,
            "folder": context.opened.folder,
            "augment": file.data.augment,
        },
        readable=_readable_plan,
    )


def _readable_plan(plan: Artifact) -> None:
    _need(plan, "choice", "forecast")
    Choice.read(plan.part("choice").path)
    Forecast.read(plan.part("forecast").path)


def _learn(context: Context) -> Step:
    choice = context.choice
    return Step(
        LEARN,
        "modelwright.stages.learn.stage:learn",
        inputs={
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "choice": context.part(PLAN, "choice"),
        },
        code=(
            *learners.modules(choice.learner, "spec", "learn"),
            *_kinds(context.signature, "value", "column", "arrays"),
        ),
        arguments={
            "signature": context.signature,
            "pretrained": context.pretrained.folders,
            "machine": context.machine,
        },
        readable=lambda learned: _need(learned, "learned"),
    )


def _package(context: Context) -> Step:
    file = context.opened.file
    return Step(
        PACKAGE,
        "modelwright.stages.package.stage:package",
        config={
            "package": _section(file.package),
            "requirements": [str(one) for one in context.opened.requirements],
            "private inputs": sorted(file.serve.record.private),
        },
        inputs={
            "learned": context.part(LEARN, "learned"),
            "choice": context.part(PLAN, "choice"),
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "profile": context.part(DATA, "profile"),
        },
        code=(
            *learners.modules(context.choice.learner, "spec", "learn", "export"),
            *_kinds(context.signature, "value", "column", "arrays", "show"),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "config": file.package,
            "private": file.serve.record.private,
        },
        readable=lambda package: _need(package, "package"),
    )


def _evaluate(context: Context) -> Step:
    file = context.opened.file
    package, test = context.part(PACKAGE, "package"), context.part(DATA, "test")
    sketch = context.counts.test_sketch
    number = context.state.evaluation_number(test.digest, package.digest, sketch)
    champion = context.champion(package.digest)
    subjects = sorted(str(one.subject) for one in context.opened.requirements)
    group = _group_of_rows(context)

    def count() -> None:
        """Write the evaluation down before a test row is read, so that a crash can lose none."""
        if context.state.register_evaluation(test.digest, package.digest, sketch) != number:
            raise Outdated  # another package was evaluated meanwhile

    return Step(
        EVALUATE,
        "modelwright.stages.evaluate.stage:evaluate",
        config={
            "evaluate": _section(file.evaluate),
            "requirements": [*subjects],  # what is measured; where the bars lie is judged afterwards
            "confidence": file.confidence,
            "scenario": _section(file.scenario),
            "purpose": file.purpose,
            "group": group,
            "evaluation of the test set": number,
            "champion": champion.digest if champion else None,
        },
        inputs={
            "package": package,
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "test": test,
        },
        sources=places.of_state(context.state),
        code=(
            *_kinds(context.signature, "value", "column", "arrays", "show"),
            *_families(context.signature, "baseline", "gap", "section"),
        ),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "config": file.evaluate,
            "confidence": file.confidence,
            "evaluation": number,
            "champion": champion,
            "load": file.scenario.load,
            "purpose": file.purpose,
            "group": group,
        },
        before=count,
        readable=lambda evaluated: _readable_evidence(evaluated, package, test),
    )


def _group_of_rows(context: Context) -> str | None:
    """Return the name under which the rows hold the column `data.group`, None where there is none.

    Of windows it is that of their stretch of time: those of several series at one moment go together.
    """
    profile = DataProfile.read(context.part(DATA, "profile").path)
    named = {**profile.columns, **profile.keep}
    data = context.opened.file.data
    group = data.group if data.window is None else AT_MOMENT
    return next((name for name, column in named.items() if column == group), None)


def _readable_evidence(evaluated: Artifact, package: ArtifactPart, test: ArtifactPart) -> None:
    _need(evaluated, "evidence", "report")
    evidence = read_evidence(evaluated.part("evidence").path)
    read_details(evaluated.part("report").path)
    if (evidence.package, evidence.test) != (package.digest, test.digest):
        raise StateError(Problem("store.other-evidence", where=str(evaluated.path)))


TABLE: Mapping[str, Callable[[Context], Step]] = {
    DATA: _data,
    PLAN: _plan,
    LEARN: _learn,
    PACKAGE: _package,
    EVALUATE: _evaluate,
}
"""The stages that seal an artifact, in loop order."""
