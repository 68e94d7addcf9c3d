"""The table of stages: the only place that knows their order and what each takes.

A row makes the engine's Step of one stage from the project file and what the rows above have sealed. A stage is
named here, not imported, so that a stage whose result is sealed loads none of its libraries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from modelwright import kinds, outcomes
from modelwright.core.signature import Signature
from modelwright.engine.runner import Step
from modelwright.engine.store import Artifact, Part, Store
from modelwright.kinds.outputs import outputs
from modelwright.learners import exporting as exports
from modelwright.learners.base import Machine
from modelwright.learners.weights import available
from modelwright.project.declaration.file import Opened
from modelwright.stages.plan.config import uses as plan_uses
from modelwright.stages.plan.machine import machine as this_machine
from modelwright.storage.file_digests import FileDigests
from modelwright.storage.formats.data import Counts, read_signature
from modelwright.storage.state.database import State


@dataclass
class Context:
    """What steps are made from: the project, its state, and the artifacts that the run has reached so far."""

    opened: Opened
    store: Store
    state: State
    digests: FileDigests
    made: dict[str, Artifact] = field(default_factory=dict)

    def part(self, stage: str, name: str) -> Part:
        """Return one part of what a stage above has sealed."""
        return self.made[stage].part(name)

    @cached_property
    def machine(self) -> Machine:
        """Return what this machine offers."""
        return this_machine()

    @cached_property
    def pretrained(self) -> Path | None:
        """Return the folder of the pretrained weights, if there are any; raises ProjectError and MachineError."""
        return available(self.opened.file.model.pretrained, self.opened.folder)

    def champion(self, package: str) -> Part | None:
        """Return the package in production that a candidate is compared with, when a bar refers to it.

        A candidate that is itself in production keeps the champion that it was judged against.
        """
        if not any(one.bar.champion for one in self.opened.requirements):
            return None
        production = self.state.production()
        if production is not None and production.package_digest == package:
            before = production.champion_digest
            versions = self.state.versions()
            production = next((one for one in versions if one.package_digest == before), None)
        if production is None:
            return None
        found = self.store.find("package", production.package_key)
        return found.part("package") if found is not None else None

    @property
    def signature(self) -> Signature:
        """Return the signature with every kind known, as `data` sealed it."""
        return read_signature(self.part("data", "profile").path)

    @property
    def counts(self) -> Counts:
        """Return what `data` counted."""
        sealed = self.made["data"]
        return Counts.read(sealed.part("counts" if "counts" in sealed.parts else "census").path)

    @property
    def choice(self) -> dict[str, Any]:
        """Return what `plan` sealed."""
        choice: dict[str, Any] = _json(self.part("plan", "choice").path / "choice.json")
        return choice


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _section(model: BaseModel) -> dict[str, Any]:
    """Return a section of the project file as it enters a key."""
    section: dict[str, Any] = model.model_dump(mode="json")
    return section


def _kinds(signature: Signature) -> tuple[str, ...]:
    """Return the modules of the kinds that a signature uses."""
    names = sorted({one.kind for one in (*signature.inputs, *signature.outputs)})
    return tuple(module for name in names for module in kinds.modules(name, "value", "column", "arrays"))


def _families(signature: Signature, *facets: str) -> tuple[str, ...]:
    """Return the modules of the families of a signature's outputs: their metrics, and some facets."""
    names = sorted({output.family for output in outputs(signature)})
    own = (module for name in names for module in outcomes.modules(name, "outcomes", "metrics", *facets))
    return (*own, *outcomes.foreign_metrics())


def _declared(opened: Opened) -> Any:
    """Return the function as the file declares it, in one form however it is written."""
    return {"signature": str(opened.signature), "open inputs": opened.open_inputs}


def _name(path: Path, folder: Path) -> str:
    """Return a file's name that does not change with the machine: relative to the project, or its last parts."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else "/".join(path.parts[-2:])


def _data(context: Context) -> Step:
    from modelwright.stages.data.sources import external_files

    opened = context.opened
    return Step(
        "data",
        "modelwright.stages.data.stage:data",
        config={"function": _declared(opened), "data": _section(opened.file.data)},
        files={
            _name(path, opened.folder): context.digests.of(path)
            for path in external_files(opened.file.data, opened.folder)
        },
        code=_kinds(opened.signature),
        arguments={
            "signature": opened.signature,
            "open_inputs": opened.open_inputs,
            "config": opened.file.data,
            "folder": opened.folder,
        },
    )


def _plan(context: Context) -> Step:
    file = context.opened.file
    return Step(
        "plan",
        "modelwright.stages.plan.stage:plan",
        config={
            "model": _section(file.model),
            "learn": _section(file.learn),
            "plan": _section(file.plan),
            "machine": {"cores": context.machine.cores, "instruction_set": context.machine.instruction_set},
        },
        inputs={"train": context.part("data", "train"), "profile": context.part("data", "profile")},
        files={"pretrained": context.digests.of(context.pretrained)} if context.pretrained else {},
        code=(*plan_uses(file.plan, file.model), *_kinds(context.signature)),
        arguments={
            "signature": context.signature,
            "config": file.plan,
            "model": file.model,
            "learn": file.learn,
            "machine": context.machine,
            "pretrained": context.pretrained,
        },
    )


def _learn(context: Context) -> Step:
    choice = context.choice
    return Step(
        "learn",
        "modelwright.stages.learn.stage:learn",
        inputs={
            "train": context.part("data", "train"),
            "validation": context.part("data", "validation"),
            "choice": context.part("plan", "choice"),
        },
        code=(f"modelwright.learners.{choice['learner']}", *_kinds(context.signature)),
        arguments={
            "signature": context.signature,
            "pretrained": context.pretrained,
            "machine": context.machine,
        },
    )


def _package(context: Context) -> Step:
    file = context.opened.file
    return Step(
        "package",
        "modelwright.stages.package.stage:package",
        config={
            "package": _section(file.package),
            "requirements": [str(one) for one in context.opened.requirements],
        },
        inputs={
            "learned": context.part("learn", "learned"),
            "choice": context.part("plan", "choice"),
            "train": context.part("data", "train"),
            "validation": context.part("data", "validation"),
        },
        code=(
            f"modelwright.learners.{context.choice['learner']}",
            exports.module(context.choice["learner"]),
            *_kinds(context.signature),
            *_families(context.signature, "gap"),
        ),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "config": file.package,
        },
    )


def _evaluate(context: Context) -> Step:
    file = context.opened.file
    package, test = context.part("package", "package"), context.part("data", "test")
    look = context.state.register_evaluation(test.digest, package.digest, context.counts.test_sketch)
    champion = context.champion(package.digest)
    subjects = sorted(str(one.subject) for one in context.opened.requirements)
    return Step(
        "evaluate",
        "modelwright.stages.evaluate.stage:evaluate",
        config={
            "evaluate": _section(file.evaluate),
            "requirements": subjects,  # what is measured; where the bars lie is judged afterwards
            "confidence": file.confidence,
            "scenario": _section(file.scenario),
            "purpose": file.purpose,
            "look at the test set": look,
            "champion": champion.digest if champion else None,
        },
        inputs={
            "package": package,
            "train": context.part("data", "train"),
            "validation": context.part("data", "validation"),
            "test": test,
        },
        code=(*_kinds(context.signature), *_families(context.signature, "baseline", "gap", "section")),
        arguments={
            "signature": context.signature,
            "requirements": context.opened.requirements,
            "config": file.evaluate,
            "confidence": file.confidence,
            "look": look,
            "champion": champion,
            "load": file.scenario.load,
            "purpose": file.purpose,
        },
    )


TABLE: Mapping[str, Callable[[Context], Step]] = {
    "data": _data,
    "plan": _plan,
    "learn": _learn,
    "package": _package,
    "evaluate": _evaluate,
}
"""The stages that seal an artifact, in loop order. `release` and `monitor` act on the world and follow them."""
