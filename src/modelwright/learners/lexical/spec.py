"""Finding by words: what it accepts and takes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec


class LexicalOptions(BaseModel):
    """The keys of `model:` that finding by words takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shown: int = Field(10, ge=1, le=100, description="passages that an answer names, the best first")


class LexicalTraining(BaseModel):
    """Nothing is learned, so no key of `learn:` means anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LexicalSpec(Spec):
    """BM25 over the words of the passages."""

    name: ClassVar[str] = "lexical"
    summary: ClassVar[str] = (
        "the passage that shares the most telling words with the question (BM25); learns nothing"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.PROMPT})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.CHOICE})
    one_of_each: ClassVar[bool] = True
    Options: ClassVar[type[BaseModel]] = LexicalOptions
    Training: ClassVar[type[BaseModel]] = LexicalTraining
