"""The table of stages: the only place that knows their order and what each takes.

A row makes the engine's Step of one stage from the project file and what the rows above have sealed. A stage is
named here, not imported, so that a stage whose result is sealed loads none of its libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from modelwright import kinds, learners, outcomes
from modelwright.core.evidence.metric import Metric
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, StateError
from modelwright.core.signature import Signature
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart
from modelwright.engine.facts import MACHINE
from modelwright.engine.step import Outdated, Step
from modelwright.engine.step_sources import Sources, joined
from modelwright.kinds.outputs import outputs
from modelwright.package import packages
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop import opponents, places, used_functions, weights_of_projects
from modelwright.project.loop.context import Context, counts_part
from modelwright.project.loop.main_metrics import main_metrics, required_metrics
from modelwright.project.loop.stage_names import DATA, EVALUATE, LEARN, PACKAGE, PLAN, TUNE
from modelwright.stages.data.windows.window_fields import AT_MOMENT
from modelwright.stages.plan.config import best_at_for_numbers
from modelwright.stages.plan.config import uses as plan_uses
from modelwright.stages.tune.searching import SearchTask
from modelwright.storage.formats.cut_mark import CutMark
from modelwright.storage.formats.data import Counts, DataProfile, read_signature
from modelwright.storage.formats.evidence import read_details, read_evidence
from modelwright.storage.formats.plan import Choice, Forecast
from modelwright.storage.formats.search import Search

__all__ = ["MEASURE", "TABLE", "Context", "cut_step", "measure_step"]


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
    return Step(
        PLAN,
        "modelwright.stages.plan.stage:plan",
        config=_planning(context),
        inputs={
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "profile": context.part(DATA, "profile"),
        },
        sources=_planning_sources(context),
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
            "aim": best_at_for_numbers(context.opened.requirements),
            "costs": context.opened.costs,
            "required": _required(context),
            **context.corpus,
        },
        readable=_readable_plan,
    )


def _tune(context: Context) -> Step:
    """Return the step of a search. Bars and aim are no part of its key: they judge what it sealed (`judging`)."""
    opened, planned = context.opened, context.search_plan
    file = opened.file
    assert file.tune is not None
    among = planned.learners
    return Step(
        TUNE,
        "modelwright.stages.tune.stage:tune",
        config={
            "tune": {
                name: value
                for name, value in _section(planned.config).items()
                if name not in ("space", "aim")
            },
            "space": planned.space.to_json(),
            "first": [dict(one) for one in planned.first],
            "common": list(planned.common),
            "last": None
            if planned.last is None
            else {**planned.last.values, "seconds": planned.last.seconds, "blend": planned.last.blend},
            **_planning(context),
            "package": _section(file.package),
            "private inputs": sorted(file.serve.record.private),
            **_measuring(context),
        },
        inputs={name: context.part(DATA, name) for name in ("train", "validation", "profile")},
        sources=_planning_sources(context, planned.variants),
        code=(
            *(module for name in among for module in learners.modules(name, "spec", "learn", "export")),
            *plan_uses(file.plan, file.model, context.signature),
            "modelwright.stages.plan.stage",
            "modelwright.stages.learn.stage",
            "modelwright.stages.package.stage",
            "modelwright.stages.evaluate.on_validation",
            *_kinds(context.signature, "value", "column", "arrays", "augment", "show"),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "task": SearchTask(
                planned.space,
                planned.config,
                opened.requirements,
                main_metrics(context.signature, opened.costs, opened.requirements),
                planned.first,
                planned.common,
                planned.last,
                planned.budget_s,
                file.tune.aim,
            ),
            "runs": context.trial_runs(),
            "notices": planned.notices,
        },
        readable=_readable_search,
    )


def _readable_search(search: Artifact) -> None:
    _need(search, "search")
    Search.read(search.part("search").path)


def measure_step(context: Context) -> Step:
    """Return the step that judges a lane's package on validation rows, and times it."""
    file = context.opened.file
    return Step(
        MEASURE,
        "modelwright.stages.evaluate.on_validation:measure_on_validation",
        config=_measuring(context),
        inputs={"package": context.part(PACKAGE, "package"), "validation": context.part(DATA, "validation")},
        code=(
            *_kinds(context.signature, "value", "column", "arrays"),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "confidence": file.confidence,
            "load": file.scenario.load,
            "group": _group_of_rows(context),
        },
        readable=lambda measured: _need(measured, "measured"),
    )


def _priced(context: Context) -> JsonObject:
    """Return what errors cost as it enters a key, nothing where the file does not say."""
    costs = context.opened.costs
    if not costs:
        return {}
    return {"costs": {o.output: {truth: {**by} for truth, by in o.by_truth.items()} for o in costs}}


def _measuring(context: Context) -> JsonObject:
    """Return what decides what is measured of a trial, as it enters a key."""
    file = context.opened.file
    return {
        "requirements": [*sorted(str(one.subject) for one in context.opened.requirements)],
        "confidence": file.confidence,
        "scenario": _section(file.scenario),
        "group": _group_of_rows(context),
    }


def _required(context: Context) -> dict[str, Metric]:
    """Return output → the metric by which learners are compared; none where one is named, and a plan asks for none."""
    if context.model.learner is not None:
        return {}
    return required_metrics(context.signature, context.opened.costs, context.opened.requirements)


def _planning(context: Context) -> JsonObject:
    """Return what decides a plan, as it enters a key."""
    required: JsonObject = {name: metric.name for name, metric in _required(context).items()}
    file, aim = context.opened.file, best_at_for_numbers(context.opened.requirements)
    return {
        "model": _section(context.model),
        "learn": _section(file.learn),
        "plan": _section(file.plan),
        "augment": _section(file.data)["augment"],
        **({"aim": aim} if aim is not None else {}),
        **({"required": required} if required else {}),
        **_priced(context),
    }


def _planning_sources(context: Context, variants: Sequence[Opened] = ()) -> Sources:
    """Return what a plan rests on outside the store; variants: the project under other settings, likewise."""
    every = []
    for place, opened in enumerate((context.opened, *variants)):
        before = f"variant {place}/" if place else ""
        one = (
            context
            if opened is context.opened
            else Context(opened, context.store, context.state, context.made)
        )
        weights = places.of_weights(one.pretrained, opened.file.model.pretrained, opened.folder)
        own = places.of_own_code(opened.file.model.options.get("module"), opened.folder)
        every.append(
            replace(
                weights,
                files={before + name: path for name, path in {**weights.files, **one.brought}.items()},
                places=(
                    *weights.places,
                    *weights_of_projects.places(opened.file.model.pretrained, opened.folder),
                    *own.places,
                    *used_functions.places(opened),
                ),
                databases=tuple(used_functions.databases(opened)),
                patterns=own.patterns,
                # Another machine makes no other plan by itself: the sealed choice says which one it is for (see `run`).
                facts=(MACHINE,),
            )
        )
    return joined(every)


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
            *(module for name in choice.learners for module in learners.modules(name, "spec", "learn")),
            *_kinds(context.signature, "value", "column", "arrays"),
        ),
        arguments={
            "signature": context.signature,
            "pretrained": context.pretrained.folders,
            "machine": context.machine,
            "planned_s": _planned_s(context),
        },
        readable=lambda learned: _need(learned, "learned"),
    )


def _planned_s(context: Context) -> float:
    """Return for how long learning was planned: the budget, or more where the file states so many passes."""
    forecast = Forecast.read(context.part(PLAN, "forecast").path)
    return max(forecast.budget_s, forecast.chosen.seconds)


def cut_step(context: Context, mark: CutMark, place: Path) -> Step:
    """Return the step of a plan that ends where the clock ran out in what was learned; place: of the mark that says so.

    It is no stage of its own: what it makes stands in the place of the plan that it is made from.
    """
    choice = context.part(PLAN, "choice")
    return Step(
        PLAN,
        "modelwright.stages.plan.cut:cut",
        config={"cut": {"training": mark.training, "step": mark.step, "steps": mark.steps}},
        inputs={"choice": choice, "forecast": context.part(PLAN, "forecast")},
        # where the mark goes, or says that it was taken up, there is something to do
        sources=Sources(places=(place,)),
        arguments={"training": mark.training, "step": mark.step, "steps": mark.steps},
        readable=_readable_plan,
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
            **_priced(context),
        },
        inputs={
            "learned": context.part(LEARN, "learned"),
            "choice": context.part(PLAN, "choice"),
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "profile": context.part(DATA, "profile"),
            **context.corpus,
        },
        code=(
            *(
                module
                for name in context.choice.learners
                for module in learners.modules(name, "spec", "learn", "export")
            ),
            *_kinds(context.signature, "value", "column", "arrays", "show"),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "costs": context.opened.costs,
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
    champion, versus = context.champion(package.digest), context.versus(package.digest)
    judge = used_functions.judge(context.opened) if versus is not None else None
    subjects = sorted(str(one.subject) for one in context.opened.requirements)
    group = _group_of_rows(context)
    served = {"threads": file.serve.threads, "workers": file.serve.workers}  # it is timed as it serves

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
            **opponents.key(versus, judge),
            **{f"serve.{name}": number for name, number in served.items() if number is not None},
        },
        inputs={
            "package": package,
            "train": context.part(DATA, "train"),
            "validation": context.part(DATA, "validation"),
            "test": test,
        },
        sources=joined(
            [places.of_state(context.state), opponents.sources(context.opened, context.judgements_file)]
        ),
        code=(
            *_kinds(context.signature, "value", "column", "arrays", "show"),
            *_families(context.signature, "baseline", "gap", "section"),
            *(
                _kinds(packages.read(judge.folder).body.signature, "value", "arrays")
                if judge and judge.folder
                else ()
            ),
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
            "versus": versus,
            "judge": judge,
            **served,
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


MEASURE = "measure"
"""The step of a lane behind `package`; a run has `evaluate` in its place."""

TABLE: Mapping[str, Callable[[Context], Step]] = {
    DATA: _data,
    TUNE: _tune,
    PLAN: _plan,
    LEARN: _learn,
    PACKAGE: _package,
    EVALUATE: _evaluate,
}
"""The stages that seal an artifact, in loop order."""
