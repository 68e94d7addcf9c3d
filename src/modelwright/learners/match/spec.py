"""Matching questions with passages: what it accepts and takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Between, Spec
from modelwright.learners.contract.training import (
    Batch,
    Epochs,
    LearningRate,
    StepsTraining,
)
from modelwright.learners.networks import forms

_OF_PASSAGES = (
    "question_length",
    "hard_negatives",
    "temperature",
    "vectors",
    "search",
    "shown",
)


class MatchOptions(BaseModel):
    """The keys of `model:` that matching takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["mean", "first"] | None = Field(
        None, description="how tokens become one vector; None: as the pretrained folder says, else their mean"
    )
    passage_length: int = Field(
        128,
        ge=8,
        le=8192,
        description="most tokens that are read of a passage, or of each of two texts; what is longer is cut",
    )
    question_length: int = Field(64, ge=4, le=8192, description="most tokens that are read of a question")
    hard_negatives: bool = Field(
        True,
        description="put pairs into a batch with those whose passages their words would find (BM25), so that each is "
        "told from what looks like it",
    )
    temperature: float = Field(
        0.05,
        gt=0,
        le=1,
        description="by which cosines are divided; the lower, the more the nearest wrong ones count",
    )
    vectors: Literal["float32", "int8"] = Field(
        "float32", description="how the vectors of the passages are kept; int8 takes a quarter of the space"
    )
    search: Literal["auto", "exact", "clusters"] = Field(
        "auto",
        description="exact: all vectors are compared; clusters: those of the nearest clusters, as many as find 98 % of "
        "what all would; auto: clusters from 200,000 passages on",
    )
    shown: int = Field(10, ge=1, le=100, description="passages that an answer names, the best first")
    freeze_words: bool = Field(True, description="leave the word vectors as they were pretrained")
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="learning rate of a layer as a share of the rate of the one above it"
    )
    most_epochs: int = Field(5, ge=1, description="most passes that a budget is turned into")


class MatchTraining(StepsTraining):
    """The keys of `learn:` that matching takes."""

    epochs: Epochs | None = Field(
        None, description="passes over the pairs of questions and passages; without it, the budget decides"
    )
    batch: Batch = Field(32, description="pairs a step: each is told from all others of its step")
    learning_rate: LearningRate = Field(1e-4, description="peak learning rate of the encoder's last layer")


class MatchSpec(Spec):
    """One encoder of questions and passages, beside the words of both."""

    name: ClassVar[str] = "match"
    summary: ClassVar[str] = (
        "the passage nearest to the question by an encoder that learns from your pairs, and by words; or whether two "
        "texts belong together, by how near they are"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.TOKENS})
    outputs: ClassVar[frozenset[Form]] = forms.MATCHED | {Form.FLAG}
    Options: ClassVar[type[BaseModel]] = MatchOptions
    Training: ClassVar[type[BaseModel]] = MatchTraining
    modules: ClassVar[tuple[str, ...]] = forms.MODULES
    one_of_each: ClassVar[bool] = True
    of_two: ClassVar[frozenset[Form]] = frozenset({Form.FLAG})
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    cuttable: ClassVar[bool] = True
    rank: ClassVar[int] = 1
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {
        "learn.learning_rate": Between(3e-5, 3e-4, log=True),
    }

    def rank_for(self, signature: Signature) -> int:
        """Return the lowest where two texts are compared: heads on their features need fewer steps than a cosine."""
        return 0 if is_of_pairs(signature) else self.rank

    def without_effect(self, signature: Signature, options: BaseModel) -> Iterator[Notice]:
        """Yield a warning for keys of passages that are found, where two texts are compared."""
        if is_of_pairs(signature) and (
            idle := [one for one in _OF_PASSAGES if one in options.model_fields_set]
        ):
            yield Notice("match.of-passages", keys=[f"model.{one}" for one in idle])


def is_of_pairs(signature: Signature) -> bool:
    """Tell whether a function says of two texts whether they belong together, and does not choose a passage."""
    return kinds.arrays(signature.outputs[0].kind).output_form is Form.FLAG
