"""Re-ranking by a function that reads question and passage together: what it accepts and takes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec
from modelwright.learners.session.used_function import UsedFunction


class RerankOptions(BaseModel):
    """The keys of `model:` that re-ranking takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: dict[str, UsedFunction] = Field(
        {}, description="role → the function that is called; the section `use` of the project file fills it"
    )
    candidates: int = Field(
        20,
        ge=1,
        le=100,
        description="the first passages of what is found that are read beside the question; a request takes as many "
        "answers of `same`",
    )


class RerankTraining(BaseModel):
    """Nothing is learned, so no key of `learn:` means anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RerankSpec(Spec):
    """The passages of one function in the order of another."""

    name: ClassVar[str] = "rerank"
    summary: ClassVar[str] = (
        "puts the first passages that another function finds in the order of a function `same`, which reads question "
        "and passage together (a cross-encoder); nothing is learned"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.PROMPT})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.CHOICE})
    one_of_each: ClassVar[bool] = True
    Options: ClassVar[type[BaseModel]] = RerankOptions
    Training: ClassVar[type[BaseModel]] = RerankTraining
    brings: ClassVar[bool] = True
