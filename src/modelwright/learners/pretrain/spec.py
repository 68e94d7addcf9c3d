"""Pretraining: what it accepts and takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.pixels import PixelOptions
from modelwright.learners.contract.spec import Makes, Spec
from modelwright.learners.contract.steps import AveragingKeys, OptimiserKeys, ScheduleKeys
from modelwright.learners.contract.training import (
    Batch,
    Device,
    Epochs,
    LearningRate,
    Patience,
    Precision,
    WeightDecay,
)
from modelwright.learners.networks.encoder_options import EncoderOptions


class PretrainOptions(BaseModel):
    """The keys of `model:` that pretraining takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: EncoderOptions | None = Field(
        None,
        description="the encoder, `type` and options, where it starts from scratch; without it, of texts "
        "`{type: words, width: 384, kernels: [], pooling: weighted}`, of pictures `convolutional`, of sounds "
        "`temporal`",
    )
    objective: Literal["masked", "contrastive", "both"] | None = Field(
        None,
        description="what is learned: what is masked, from the rest; which two views are of one value; or both; None: "
        "of pictures both, else contrastive",
    )
    masked: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="share of the tokens that are masked; of pictures half of the patches are",
    )
    kept: float = Field(
        0.4, gt=0, le=1, description="share that a view keeps: of a text its tokens, of a sound its time"
    )
    temperature: float = Field(
        0.05,
        gt=0,
        le=1,
        description="of the softmax over the batch, in which a view's other half is looked for",
    )
    pooling: Literal["mean", "first"] | None = Field(
        None, description="how tokens become one vector, of pretrained weights; None: as their folder says"
    )
    max_length: int | None = Field(
        None, ge=3, description="most tokens of a text; None: 99 % of the training texts are kept whole"
    )
    pixels: PixelOptions = Field(PixelOptions(), description="how pictures become pixels; see images.md")
    most_epochs: int = Field(100, ge=1, description="most passes that a budget is turned into")


class PretrainTraining(BaseModel):
    """The keys of `learn:` that pretraining takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs | None = Field(
        None, description="passes over the training rows; None: what the budget holds"
    )
    batch: Batch = Field(128, description="rows a step; a view is told from those of as many others")
    learning_rate: LearningRate | None = Field(
        None,
        description="peak learning rate; None: of texts 0.004, else 0.001, from pretrained weights 0.00003",
    )
    weight_decay: WeightDecay = Field(0.01, description="decoupled weight decay")
    patience: Patience | None = Field(
        None, description="evaluations without gain before learning stops; None: all steps are taken"
    )
    precision: Precision | None = Field(
        None,
        description="what steps compute in; None: bfloat16 where the processor has it and a step is quicker",
    )
    device: Device = "auto"
    optimiser: OptimiserKeys = Field(OptimiserKeys(), description="how a step follows from a gradient")
    schedule: ScheduleKeys = Field(ScheduleKeys(), description="how the learning rate changes while learning")
    averaging: AveragingKeys = Field(AveragingKeys(), description="which average of the weights is kept")


class PretrainSpec(Spec):
    """Self-supervised learning of an encoder."""

    name: ClassVar[str] = "pretrain"
    summary: ClassVar[str] = (
        "an encoder learned from inputs alone, which `pretrained` of another project names"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.TOKENS, Form.PIXELS, Form.FRAMES})
    outputs: ClassVar[frozenset[Form]] = frozenset()
    Options: ClassVar[type[BaseModel]] = PretrainOptions
    Training: ClassVar[type[BaseModel]] = PretrainTraining
    cuttable: ClassVar[bool] = True
    makes: ClassVar[Makes] = Makes.WEIGHTS
    modules: ClassVar[tuple[str, ...]] = ("torch", "tokenizers", "safetensors")
    takes_pretrained: ClassVar[bool] = True
    augments: ClassVar[bool] = True
    accumulates: ClassVar[bool] = False
    moved: ClassVar[Mapping[str, str]] = {"average": "learn.averaging.decay"}
