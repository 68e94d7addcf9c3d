"""A step: one stage with all that it needs, and what became of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelwright.core.json_types import JsonLike
from modelwright.engine.artifact_manifest import Artifact, ArtifactPart
from modelwright.engine.executors import StageFunction
from modelwright.engine.step_sources import Sources


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class Step:
    """One stage with all that it needs. Building one does nothing; everything but the last three decides the key.

    function: the function, or where it is (`modelwright.stages.learn.stage:learn`), which is imported when it
    is called and not before, so that a sealed stage loads none of its libraries;
    config: JSON, nested by the names of the project file (`{"learn": {"epochs": 3}}`), for `why` shows its
    paths; inputs: the function's parameter → artifact or part; sources: what lies outside the store; code: root
    modules beside the function's own (the kinds and the learner that it finds by name);
    arguments: further parameters, which must follow from what is in the key or not matter to the result (the
    typed config, the signature, a clock);
    before: called under the lock of the key right before the function, to write down that it will run; raises
    Outdated when the step would now be built otherwise;
    readable: called with a sealed result that is to be adopted (`--keep`); raises what reading its formats
    raises, so that nothing is adopted that the next stages cannot read.
    """

    name: str
    function: StageFunction | str
    config: Mapping[str, JsonLike] = field(default_factory=dict)
    inputs: Mapping[str, Artifact | ArtifactPart] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    code: tuple[str, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)
    before: Callable[[], None] = _nothing
    readable: Callable[[Artifact], None] = _nothing

    @property
    def module(self) -> str:
        """Return the name of the module that holds the function."""
        return self.function.partition(":")[0] if isinstance(self.function, str) else self.function.__module__

    @property
    def roots(self) -> tuple[str, ...]:
        """Return the modules whose code, with all that they import, decides the result."""
        return (self.module, *self.code)

    def load(self) -> StageFunction:
        """Return the function itself."""
        if not isinstance(self.function, str):
            return self.function
        module, _, name = self.function.partition(":")
        function: StageFunction = getattr(importlib.import_module(module), name)
        return function


class Outdated(Exception):  # noqa: N818 - whoever runs the step builds it again; never shown
    """What a step was built from has changed before it began, as by another process: build it again."""


@dataclass(frozen=True)
class StepPreview:
    """What running a step would do; `artifact` is there when it is sealed already."""

    name: str
    key: str
    would_run: bool
    why: str
    artifact: Artifact | None


@dataclass(frozen=True)
class StepResult:
    """What became of a step. `why` says what made it run, that it was adopted, or is empty when cached."""

    name: str
    status: Literal["done", "cached", "failed"]
    seconds: float
    why: str
    artifact: Artifact | None

    @property
    def sealed(self) -> Artifact:
        """Return the artifact of a step that did not fail."""
        assert self.artifact is not None, f"{self.name} failed"
        return self.artifact
