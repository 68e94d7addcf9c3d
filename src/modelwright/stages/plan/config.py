"""The sections `plan`, `model` and `learn` of the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelwright import learners
from modelwright.core.messages import ProjectError, ValueProblem, shown
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.training import TrainingKeys
from modelwright.learners.options import PRETRAINED


class PlanConfig(BaseModel):
    """How the learner is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learners: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="the learners to choose from; without it, all that accept the signature",
    )


class ModelConfig(BaseModel):
    """The learner, and its own options: the keys beside `learner` and `pretrained`, which `plan` checks."""

    model_config = ConfigDict(frozen=True, extra="allow")

    learner: str | None = Field(None, description="the learner; without it, `plan` chooses one and says why")
    pretrained: str | dict[str, str | None] | None = Field(
        None,
        description="where pretrained weights come from: a name, a folder or a hub id; or a mapping input → one "
        "of these (null: from scratch); without it, the default of each form of input",
    )

    @property
    def options(self) -> Mapping[str, object]:
        """Return the learner's own options as they were given."""
        return dict(self.model_extra or {})

    def options_of(self, spec: Spec) -> Mapping[str, object]:
        """Return what is given for a learner's `Options`: `pretrained` too, where it reads the weights itself."""
        own = self.pretrained is not None and PRETRAINED in spec.Options.model_fields
        return {**self.options, **({PRETRAINED: self.pretrained} if own else {})}


class LearnConfig(TrainingKeys):
    """How to train: the budget, what decides the bits, and the keys that learners share."""

    budget: str = Field(
        "2 min", description="the time that learning may take on a quiet machine: `90 s`, `2 min`, `3 h`"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="what every random draw starts from")
    threads: int | None = Field(
        None, ge=1, description="threads that learn; without it, as many as there are cores"
    )

    @field_validator("budget")
    @classmethod
    def _a_time(cls, text: str) -> str:
        try:
            seconds = parse_quantity(text, Unit.SECONDS)
        except ProjectError:
            seconds = 0.0
        if seconds <= 0:
            raise ValueProblem("plan.no-time", given=shown(text))
        return text

    @property
    def budget_s(self) -> float:
        """Return the budget in seconds."""
        return parse_quantity(self.budget, Unit.SECONDS)


def candidates(config: PlanConfig, model: ModelConfig) -> tuple[str, ...] | None:
    """Return the names that the project file leaves to choose from, None for every learner that there is."""
    return (model.learner,) if model.learner is not None else config.learners


def blended(names: Sequence[str], signature: Signature | None, model: ModelConfig) -> list[str]:
    """Return the learners that some of these blend; without a signature any may be one."""
    found: set[str] = set()
    for name in names:
        if learners.spec(name).blends:
            of = (
                learners.names()
                if signature is None
                else learners.spec(name).members(signature, model.options)
            )
            found |= {one for one in of if one in learners.names()}
    return sorted(found - set(names))


def best_at_for_numbers(requirements: Sequence[Requirement]) -> Aim | None:
    """Return what the bars of numbers are best kept at: the median where all that say so agree on it, else None."""
    found = {one.metric.best_at for one in requirements if one.metric.best_at is not None}
    return "median" if found == {"median"} else None


def uses(config: PlanConfig, model: ModelConfig, signature: Signature | None = None) -> tuple[str, ...]:
    """Return the modules of the learners among which `plan` chooses, for the fingerprint of its code.

    Of those that accept the signature, `plan` runs the forecasts; of the others it reads the specification. So a
    table's plan does not depend on the code of a network. Without a signature, all are taken to accept it.
    """
    named = candidates(config, model)
    known = [name for name in named or learners.names() if name in learners.names()]
    known += blended(known, signature, model)
    if signature is not None and named is None:
        known = list(learners.offered(signature))
    accepting = known if signature is None else learners.accepting(signature, known)
    return tuple(
        module
        for name in sorted(set(known))
        for module in learners.modules(name, "spec", *(("learn", "bring") if name in accepting else ()))
    )
