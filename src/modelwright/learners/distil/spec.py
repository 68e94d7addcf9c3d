"""A student of another package: what the learner accepts and takes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.pixels import PixelOptions
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.steps import (
    GrowthKeys,
    LossKeys,
    RegularisationKeys,
    ScheduleKeys,
)
from modelwright.learners.contract.training import (
    Batch,
    Epochs,
    LabelSmoothing,
    LearningRate,
    StepsTraining,
    WeightDecay,
)
from modelwright.learners.networks import forms
from modelwright.learners.networks.encoder_options import EncoderOptions

TEACHER = "from"

# `from` is a word of Python's, so the field is made by its name
_Teacher: type[BaseModel] = create_model(
    "_Teacher",
    __config__=ConfigDict(frozen=True, extra="forbid"),
    **{TEACHER: (str | None, Field(None, description="the folder of the teacher's package"))},  # type: ignore[call-overload]
)


class DistilOptions(_Teacher):
    """The keys of `model:` that a student takes."""

    temperature: float = Field(
        2.0,
        gt=0,
        le=100,
        description="what the logits of both are divided by, so that unlikely classes count",
    )
    share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="share of the loss that is of the teacher's answers; the rest is of the truths",
    )
    variants: int = Field(
        2,
        ge=0,
        le=50,
        description="rows made of each training row, which the teacher answers: words of texts left out and joined to "
        "those of others, other values taken from another row",
    )
    unlabelled: str | None = Field(
        None,
        description="a file (.csv, .parquet, .jsonl) with further rows of the inputs, which the teacher answers",
    )
    words: bool = Field(
        True,
        description="whether a text's word vectors begin as the teacher's, reduced to the student's width",
    )
    pretrained: str | None = Field(
        None,
        description="pretrained weights that the student's inputs of their form begin with, as `finetune` takes them, "
        "or the folder of a project that has fine-tuned an encoder of texts, as the teacher's own; None: it begins "
        "with none",
    )
    layers: int | None = Field(
        None,
        ge=1,
        description="layers of the pretrained encoder that the student has, evenly spaced; None: all",
    )
    feed_forward: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the channels between the two linear layers of each layer of the pretrained encoder that "
        "the student has, those that tell most; rounded up to a multiple of 8",
    )
    pretrained_rate: float = Field(
        4e-4, gt=0, description="peak learning rate of what is pretrained, the teacher's heads among it"
    )
    encoders: dict[str, EncoderOptions] = Field(
        {}, description="input → its encoder, `type` and options; without it, the default of the input's form"
    )
    width: int = Field(
        128, ge=4, le=4096, multiple_of=4, description="numbers of a layer where there are several inputs"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the features that a step leaves out")
    weights: dict[str, float] = Field({}, description="output → weight of its loss; 1 where none is given")
    max_length: int | None = Field(
        None,
        ge=3,
        le=4096,
        description="most tokens of a text; None: 99 % of the training texts are kept whole",
    )
    pixels: PixelOptions = Field(PixelOptions(), description="how pictures become pixels; see images.md")
    most_epochs: int = Field(
        40,
        ge=1,
        description="most passes that a budget is turned into, over all rows that the teacher answers",
    )

    @property
    def teacher(self) -> str | None:
        """Return the folder of the teacher's package as the project names it."""
        found: Any = getattr(self, TEACHER)
        return None if found is None else str(found)


class DistilTraining(StepsTraining):
    """The keys of `learn:` that a student takes."""

    epochs: Epochs | None = Field(
        None, description="passes over the rows that the teacher answers; without it, the budget decides"
    )
    batch: Batch = Field(64, description="rows a step")
    learning_rate: LearningRate = Field(2e-3, description="peak learning rate")
    weight_decay: WeightDecay = Field(0.02, description="decoupled weight decay of AdamW")
    label_smoothing: LabelSmoothing = Field(
        0.0,
        description="share of the truths' targets spread evenly; the teacher's answers are soft as they are",
    )
    schedule: ScheduleKeys = Field(
        ScheduleKeys(), description="how the learning rate changes; by default one-cycle, of which 10 % rise"
    )
    loss: LossKeys = Field(LossKeys(), description="what of the truths is made small while learning")
    regularisation: RegularisationKeys = Field(
        RegularisationKeys(), description="penalties of the weights, and rows that are mixed"
    )
    growth: GrowthKeys = Field(GrowthKeys(), description="how the batch grows while learning")
    stop_at: str | None = Field(None, description="a bar on validation at which learning ends early")


class DistilSpec(Spec):
    """A network that learns from a teacher's answers."""

    name: ClassVar[str] = "distil"
    summary: ClassVar[str] = "a small network that learns what another package answers (`model.from`)"
    inputs: ClassVar[frozenset[Form]] = forms.ENCODED
    outputs: ClassVar[frozenset[Form]] = forms.ANSWERED
    Options: ClassVar[type[BaseModel]] = DistilOptions
    Training: ClassVar[type[BaseModel]] = DistilTraining
    modules: ClassVar[tuple[str, ...]] = (*forms.MODULES, "tokenizers")
    compresses: ClassVar[bool] = True
    cuttable: ClassVar[bool] = True
    brings: ClassVar[bool] = True
    takes_layers: ClassVar[bool] = True
