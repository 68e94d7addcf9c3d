"""A blend of learners: what it accepts and takes. The members are found by name, as every learner is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from modelwright import learners
from modelwright.core.messages import ValueProblem
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.spec import Makes, Spec
from modelwright.learners.contract.training import TrainingKeys


class MemberKeys(BaseModel):
    """One member: a learner, its own keys of `model:`, and keys of `learn:` for it alone."""

    model_config = ConfigDict(frozen=True, extra="allow")

    learner: str = Field(description="the learner")
    learn: dict[str, JsonValue] = Field({}, description="keys of `learn:` for this member alone")

    @property
    def options(self) -> Mapping[str, object]:
        """Return the learner's own keys."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _taken(self) -> MemberKeys:
        known = [name for name in learners.names() if _can_be_blended(name)]
        if self.learner not in known:
            raise ValueProblem("blend.no-member", learner=self.learner, known=known)
        spec = learners.spec(self.learner)
        for keys, section, of in (
            (self.options, spec.Options, "model"),
            (self.learn, spec.Training, "learn"),
        ):
            try:
                section.model_validate(keys)
            except ValidationError as error:
                first = error.errors()[0]
                own = first.get("ctx", {}).get("error")
                reason = own.message if isinstance(own, ValueProblem) else None
                raise ValueProblem(
                    "blend.refused-key",
                    learner=self.learner,
                    key=".".join(map(str, (of, *first["loc"]))),
                    reason=reason,
                    error=None if reason else first["msg"],
                    step=reason.next_step or None if reason else None,
                ) from None
        return self


def _can_be_blended(name: str) -> bool:
    spec = learners.spec(name)
    return not (spec.blends or spec.brings) and spec.makes is Makes.BODY


class BlendOptions(BaseModel):
    """The keys of `model:` that a blend takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: tuple[MemberKeys, ...] | None = Field(
        None,
        description="the members: names of learners, or mappings `{learner: trees, leaves: 8}`; None: all that `plan` "
        "would choose from and that need no pretrained weights",
    )
    aim: Aim | None = Field(
        None,
        description="what an answered number aims at: the mean or the median; None: the median where the requirements "
        "of numbers are on mae alone, else the mean",
    )

    @field_validator("of", mode="before", json_schema_input_type=list[str | MemberKeys] | None)
    @classmethod
    def _by_name(cls, given: object) -> object:
        if not isinstance(given, list | tuple):
            return given
        if len(given) < 2:  # a bound of the field would be said of members that are refused, too
            raise ValueProblem("blend.few-members", line=setting("of", ["linear", "trees"]))
        return [{"learner": one} if isinstance(one, str) else one for one in given]


class BlendTraining(TrainingKeys):
    """The keys of `learn:` that a blend takes: each member is given those that it takes."""


class BlendSpec(Spec):
    """A blend of learners."""

    name: ClassVar[str] = "blend"
    summary: ClassVar[str] = (
        "several learners at once, whose answers are averaged with weights that validation chooses; as good as the "
        "best, and often better"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset(Form) - {Form.PROMPT}  # no member reads a prompt
    outputs: ClassVar[frozenset[Form]] = frozenset(
        {Form.CODE, Form.FLAG, Form.SCALAR, Form.SET, Form.VECTOR, Form.SERIES}
    )
    Options: ClassVar[type[BaseModel]] = BlendOptions
    Training: ClassVar[type[BaseModel]] = BlendTraining
    takes_pretrained: ClassVar[bool] = True
    augments: ClassVar[bool] = True
    blends: ClassVar[bool] = True
    cuttable: ClassVar[bool] = True

    def members(self, signature: Signature, options: Mapping[str, object]) -> tuple[str, ...]:
        """Return the learners that are blended: those named, else those that accept the signature without weights."""
        given = options.get("of")
        if isinstance(given, list | tuple):
            named = [one.get("learner") if isinstance(one, dict) else one for one in given]
            return tuple(dict.fromkeys(str(one) for one in named))
        return tuple(
            name
            for name in learners.accepting(signature)
            if not learners.spec(name).needs_pretrained and not learners.spec(name).lacks()
        )
