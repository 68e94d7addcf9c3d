"""The facet `spec`: what a learner is, without the framework that it learns with.

`check`, `plan` and the reference read it, so the module imports nothing heavy: no torch, no LightGBM, no
transformers, no scikit-learn. A small one, complete:

    class Options(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        neighbours: int = Field(5, ge=1, description="rows that vote")

    class Training(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

    class Nearest(Spec):
        name = "nearest"
        summary = "the answer of the most similar training rows"
        inputs, outputs = frozenset({Form.SCALAR, Form.VECTOR}), frozenset({Form.CODE})
        Options, Training = Options, Training
        modules = ("sklearn",)
"""

from __future__ import annotations

import importlib.util
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, final

from pydantic import BaseModel

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.messages import Notice, Phrase
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.source import Source


class Makes(StrEnum):
    """Names what comes of learning: a body to package, or weights that another learner starts from."""

    BODY = "body"
    WEIGHTS = "weights"


@dataclass(frozen=True)
class Between:
    """Numbers from `low` to `high`; log: drawn evenly on a logarithmic scale; whole: whole ones alone."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


class Spec(ABC):
    """What a learner accepts, takes and needs. Subclasses set the attributes; all have one file, `spec.py`.

    name: that of the folder; summary: one line for the reference.
    inputs, outputs: the array forms that it accepts on each side of a signature; needs_input: forms of which
    at least one input must have one (empty: any input will do).
    sources: what it can learn from; the first that a project has is given.
    Options: its own keys of `model:`; Training: the keys of `learn:` that it takes. Both are pydantic models
    that forbid extra keys and give every field a default, a description and, where there is one, a range.
    makes: a body, or weights for another learner.
    extra: the extra of this distribution that brings its libraries; modules: what to look for, to know whether
    they are there.
    needs_pretrained: whether every input of a form for which there are pretrained weights starts from some;
    takes_pretrained: whether an input may; compresses: whether its exporter has a smaller
    form of its bodies.
    offered_for: forms of which an input must have one, for `plan` to weigh the learner where the project file does not
    name it (empty: any input will do).
    rank: of those that accept a signature and fit the budget, `plan` takes the highest; fewest_epochs: passes
    over the training rows below which `plan` takes another; starts_as: a quicker learner from whose result this one
    goes on, so that what that one answers in a comparison stands for this one too; augments: whether it varies training
    values as `data.augment` says; moved: what was a key of `model:` → where it stands now; brings: whether it has the
    facet `bring`, and so is weighed only where it is named; such a learner may have an option `pretrained`, and then
    reads what `model.pretrained` names itself; blends: whether it learns others and blends their answers,
    and so is weighed only where it is named, too; space: keys of the project file → what `tune: auto` tries of them,
    beside the defaults; cuttable: whether its steps can end before the last one planned (`Setup.ending`);
    one_of_each: whether it takes one input and one output, and no more; of_two: forms of its output for which it takes
    two inputs instead; goes_on: of one that brings, whether what it
    learned is a folder that `pretrained` of another project may name, whose same learner starts from it;
    takes_layers: of one that brings, whether `pretrained` may name a project of any learner, for layers of its network;
    accumulates: whether it reads the rows of a step in as many parts as `learn.optimiser.accumulate` says.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    inputs: ClassVar[frozenset[Form]]
    outputs: ClassVar[frozenset[Form]]
    needs_input: ClassVar[frozenset[Form]] = frozenset()
    sources: ClassVar[tuple[Source, ...]] = (Source.ROWS,)
    Options: ClassVar[type[BaseModel]]
    Training: ClassVar[type[BaseModel]]
    makes: ClassVar[Makes] = Makes.BODY
    extra: ClassVar[str] = "learn"
    modules: ClassVar[tuple[str, ...]] = ()
    needs_pretrained: ClassVar[bool] = False
    takes_pretrained: ClassVar[bool] = False
    compresses: ClassVar[bool] = False
    offered_for: ClassVar[frozenset[Form]] = frozenset()
    rank: ClassVar[int] = 0
    fewest_epochs: ClassVar[int] = 0
    starts_as: ClassVar[str | None] = None
    augments: ClassVar[bool] = False
    moved: ClassVar[Mapping[str, str]] = {}
    brings: ClassVar[bool] = False
    blends: ClassVar[bool] = False
    cuttable: ClassVar[bool] = False
    one_of_each: ClassVar[bool] = False
    of_two: ClassVar[frozenset[Form]] = frozenset()
    goes_on: ClassVar[bool] = False
    accumulates: ClassVar[bool] = True
    takes_layers: ClassVar[bool] = False
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {}

    @property
    def takes(self) -> tuple[str, ...]:
        """Return the keys of `learn:` that mean something to this learner."""
        return tuple(self.Training.model_fields)

    def members(self, signature: Signature, options: Mapping[str, object]) -> tuple[str, ...]:
        """Return the learners that it blends with these keys of `model:`; by default none."""
        return ()

    def without_effect(self, signature: Signature, options: BaseModel) -> Iterator[Notice]:
        """Yield a warning for each key of `model:` that is given and changes nothing; by default for none."""
        yield from ()

    def rank_for(self, signature: Signature) -> int:
        """Return `rank`; of one that is better at some signatures than at others, what holds for this one."""
        return self.rank

    @final
    def refuses(self, signature: Signature) -> Phrase | None:
        """Return why this learner cannot learn the signature, or None when it can."""
        if self.makes is Makes.WEIGHTS and signature.outputs:
            return Phrase("learner.makes-weights")
        if self.makes is Makes.BODY and not signature.outputs:
            return Phrase("learner.needs-output")
        if (unfit := next(self._of_other_forms(signature), None)) is not None:
            return unfit
        if self.one_of_each:
            given = (len(signature.inputs), len(signature.outputs))
            (form, *_) = (kinds.arrays(field.kind).output_form for field in signature.outputs)
            wanted = 2 if form in self.of_two else 1
            if given != (wanted, 1):
                return Phrase("learner.one-of-each", wanted=wanted, inputs=given[0], outputs=given[1])
        forms = {form_of(field, self.inputs) for field in signature.inputs}
        if self.needs_input and not forms & self.needs_input:
            return Phrase("learner.needs-input", forms=_listed(self.needs_input))
        return None

    def _of_other_forms(self, signature: Signature) -> Iterator[Phrase]:
        """Yield for each field that has a form which the learner does not accept why."""
        for field in signature.inputs:
            if form_of(field, self.inputs) is None:
                yield Phrase("learner.input-form", field=str(field), forms=_listed(self.inputs))
        for field in signature.outputs:
            if kinds.arrays(field.kind).output_form not in self.outputs:
                yield Phrase("learner.output-form", field=str(field), forms=_listed(self.outputs))

    @final
    def is_offered(self, signature: Signature) -> bool:
        """Tell whether the learner is weighed for a signature without being named."""
        forms = {form_of(field, self.inputs) for field in signature.inputs}
        named = self.brings or self.blends or (self.makes is Makes.WEIGHTS and bool(signature.outputs))
        return not named and (not self.offered_for or bool(forms & self.offered_for))

    @final
    def lacks(self) -> tuple[str, ...]:
        """Return the modules that it needs and this machine does not have; nothing is imported."""
        return tuple(name for name in self.modules if importlib.util.find_spec(name) is None)


def form_of(field: Field, accepted: frozenset[Form]) -> Form | None:
    """Return the form that a learner takes of an input: of those that it accepts, the last that the kind offers."""
    offered = [form for form in kinds.arrays(field.kind).input_forms if form in accepted]
    return offered[-1] if offered else None


def fields_of(fields: Iterable[Field], form: Form) -> tuple[Field, ...]:
    """Return the inputs whose arrays have a form."""
    return tuple(field for field in fields if kinds.arrays(field.kind).input_form is form)


def _listed(forms: frozenset[Form]) -> str:
    return ", ".join(sorted(form.value for form in forms))
