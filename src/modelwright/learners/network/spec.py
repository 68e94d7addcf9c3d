"""Networks from scratch: what the learner accepts and takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.pixels import PixelOptions
from modelwright.learners.contract.spec import Between, Spec
from modelwright.learners.contract.steps import (
    Activation,
    GrowthKeys,
    Initialisation,
    LossKeys,
    Normalisation,
    RegularisationKeys,
    ScheduleKeys,
)
from modelwright.learners.contract.training import (
    Batch,
    LabelSmoothing,
    LearningRate,
    StepsTraining,
    WeightDecay,
)
from modelwright.learners.network import unused
from modelwright.learners.networks import forms
from modelwright.learners.networks.encoder_options import EncoderOptions


class NetworkOptions(BaseModel):
    """The keys of `model:` that a network takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoders: dict[str, EncoderOptions] = Field(
        {}, description="input → its encoder, `type` and options; without it, the default of the input's form"
    )
    combiner: Literal["concatenate", "attention", "gating", "sum", "stacking", "matching"] = Field(
        "concatenate",
        description="how the features of several inputs become one vector; `stacking`: how their answers become one; "
        "`matching`: inputs compared position by position",
    )
    width: int = Field(
        128,
        ge=4,
        le=4096,
        multiple_of=4,
        description="numbers of the combiner's layer, where there are several parts",
    )
    columns_width: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="numbers of a layer that reads the columns of a table; None: 128, of several outputs 256",
    )
    columns_layers: int = Field(2, ge=1, le=16, description="layers that read the columns of a table")
    output_width: int = Field(
        64,
        ge=0,
        le=4096,
        description="numbers of a layer that each output has of its own, where there are several; 0: none",
    )
    activation: Activation = Field(
        "relu", description="of layers that are not pretrained, but for attention's own"
    )
    initialisation: Initialisation = Field(
        "default",
        description="how the weights of linear and convolutional layers are drawn; default: as PyTorch does",
    )
    normalisation: Normalisation = Field(
        "batch",
        description="over what the layers that read columns, and those of each output, are normalised: the batch, the "
        "layer of one row, or nothing",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the features that a step leaves out")
    balanced: bool = Field(
        False, description="draw all classes of the first output with classes as often, however rare they are"
    )
    omitted: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of optional values that a step takes for missing; of pictures, sounds, series: `left_out`",
    )
    left_out: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="share of a step's loss that is of its rows with optional pictures, sounds and series left out; "
        "where one part is left, that answers by itself",
    )
    auxiliary: float | None = Field(
        None,
        ge=0,
        le=10,
        description="weight of the losses of what each part answers by itself while several are learned together; "
        "None: 0.5; 4 where a picture, sound or series may be missing; 0 where parts are matched",
    )
    weights: dict[str, float] = Field({}, description="output → weight of its loss; 1 where none is given")
    weighing: Literal["fixed", "uncertainty"] = Field(
        "fixed",
        description="of several outputs: weights as given, or learned beside them from their uncertainty",
    )
    logarithm: bool | None = Field(
        None,
        description="whether numbers are learned as their logarithm; None: those above 0 that are skewed to the "
        "right in training; of networks that are stacked, and of a module of the project, none is",
    )
    aim: Aim | None = Field(
        None,
        description="what an answered number aims at where `learn.loss.numbers` does not say it: the mean or the "
        "median; None: the median where the requirements of numbers are on mae alone, else the mean",
    )
    pretrained_rate: float = Field(
        2e-4,
        ge=0,
        description="peak learning rate of parts that are pretrained; 0: they stay as they are, and read a value once",
    )
    unfreeze: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the steps over which pretrained layers begin to learn, one after another from the top; "
        "0: all learn from the first step",
    )
    layer_decay: float = Field(
        0.9,
        gt=0,
        le=1,
        description="of pretrained parts: rate of a layer as a share of the rate of the one above it",
    )
    pooling: Literal["mean", "first"] | None = Field(
        None,
        description="of a pretrained text encoder: how tokens become one vector; None: as its folder says",
    )
    max_length: int | None = Field(
        None,
        ge=3,
        le=4096,
        description="most tokens of a text; None: 99 % of the training texts are kept whole",
    )
    module: str | None = Field(
        None,
        description="a factory of a torch.nn.Module or a Keras 3 model in the project, for all encoders: "
        "`my_package.module:build`",
    )
    code: dict[str, str] = Field(
        {}, description="the files of `module`, as `plan` reads them; not for you to set"
    )
    pixels: PixelOptions = Field(PixelOptions(), description="how pictures become pixels; see images.md")
    most_epochs: int = Field(
        40,
        ge=1,
        description="most passes that a budget is turned into; 400 steps are taken where these are fewer",
    )


class NetworkTraining(StepsTraining):
    """The keys of `learn:` that a network takes."""

    batch: Batch | None = Field(
        None, description="rows a step; None: 64, or as few as 16 where the budget holds few steps"
    )
    learning_rate: LearningRate = Field(
        2e-3, description="peak learning rate of what is learned from scratch"
    )
    weight_decay: WeightDecay = Field(0.02, description="decoupled weight decay of AdamW")
    label_smoothing: LabelSmoothing = Field(0.05, description="share of the target spread evenly")
    schedule: ScheduleKeys = Field(
        ScheduleKeys(), description="how the learning rate changes; by default one-cycle, of which 10 % rise"
    )
    loss: LossKeys = Field(LossKeys(), description="what is made small while learning")
    regularisation: RegularisationKeys = Field(
        RegularisationKeys(), description="penalties of the weights, and rows that are mixed"
    )
    growth: GrowthKeys = Field(GrowthKeys(), description="how the batch grows while learning")
    stop_at: str | None = Field(None, description="a bar on validation at which learning ends early")


class NetworkSpec(Spec):
    """An encoder for each input, a combiner, and a head for each output."""

    name: ClassVar[str] = "network"
    summary: ClassVar[str] = (
        "an encoder for each input, from scratch or pretrained, combined; reads every kind"
    )
    inputs: ClassVar[frozenset[Form]] = forms.ENCODED
    outputs: ClassVar[frozenset[Form]] = forms.ANSWERED
    offered_for: ClassVar[frozenset[Form]] = frozenset({Form.PIXELS, Form.FRAMES, Form.SERIES})
    Options: ClassVar[type[BaseModel]] = NetworkOptions
    Training: ClassVar[type[BaseModel]] = NetworkTraining
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {
        "learn.learning_rate": Between(3e-4, 1e-2, log=True),
        "learn.weight_decay": Between(1e-3, 0.3, log=True),
        "model.dropout": (0.0, 0.1, 0.3),
        "model.columns_layers": (1, 2, 3),
    }
    cuttable: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = (*forms.MODULES, "tokenizers")
    takes_pretrained: ClassVar[bool] = True
    augments: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    rank: ClassVar[int] = 1
    fewest_epochs: ClassVar[int] = 2
    moved: ClassVar[Mapping[str, str]] = {
        "schedule": "learn.schedule.name",
        "warmup": "learn.schedule.warmup",
        "average": "learn.averaging.decay",
    }

    def without_effect(self, signature: Signature, options: BaseModel) -> Iterator[Notice]:
        """Yield a warning for each key of `model:` that changes nothing for a signature."""
        assert isinstance(options, NetworkOptions)
        yield from unused.unused(signature, options)
