"""Fine-tuning: what it accepts and takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.lora import LoraKeys
from modelwright.learners.contract.pixels import PixelOptions
from modelwright.learners.contract.spec import Between, Spec, fields_of
from modelwright.learners.contract.steps import (
    GrowthKeys,
    LossKeys,
    RegularisationKeys,
)
from modelwright.learners.contract.training import (
    Batch,
    LabelSmoothing,
    LearningRate,
    StepsTraining,
)
from modelwright.learners.networks import forms
from modelwright.learners.weights.families import FORMS


class FinetuneOptions(BaseModel):
    """The keys of `model:` that fine-tuning takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["mean", "first"] | None = Field(
        None, description="how tokens become one vector; None: as the pretrained folder says, else their mean"
    )
    max_length: int | None = Field(
        None, ge=3, description="most tokens of a text; None: 99 % of the training texts are kept whole"
    )
    together: bool | None = Field(
        None,
        description="read texts in one sequence, each token of one beside those of the others (a cross-encoder), and "
        "not each by itself; None: where a function has two texts that start from the same weights",
    )
    pixels: PixelOptions = Field(PixelOptions(), description="how pictures become pixels; see images.md")
    start: Literal["probe", "random"] = Field(
        "probe", description="where the heads start: fitted on the untrained encoder's features, or at random"
    )
    freeze_words: bool = Field(True, description="leave the word vectors as they were pretrained")
    frozen_layers: int = Field(
        0,
        ge=0,
        description="lowest layers of the encoder that stay as they were pretrained, with what is below them",
    )
    lora: LoraKeys | None = Field(
        None,
        description="learn adapters of a low rank (PEFT), and leave the encoder itself as it was pretrained",
    )
    head_rate: float | None = Field(
        None,
        gt=0,
        description="peak learning rate of what is not pretrained; None: 0.001, of pictures and sounds alone 0.002",
    )
    balanced: bool | None = Field(
        None,
        description="whether rows are drawn so that all classes are as frequent; None: of pictures and sounds alone, "
        "where one class has five times the rows of another",
    )
    unfreeze: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the steps over which pretrained layers begin to learn, one after another from the top; "
        "0: all learn from the first step",
    )
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="learning rate of a layer as a share of the rate of the one above it"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the features that a step leaves out")
    layer_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of what the layers of a pretrained encoder give that a step leaves out, "
        "of those that were pretrained so",
    )
    token_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the tokens of a text that a step leaves out; never its first"
    )
    most_epochs: int | None = Field(
        None,
        ge=1,
        description="most passes that a budget is turned into; None: 10, of texts as few as have 1,000 steps, "
        "but 3",
    )
    weights: dict[str, float] = Field({}, description="output → weight of its loss; 1 where none is given")


class FinetuneTraining(StepsTraining):
    """The keys of `learn:` that fine-tuning takes.

    The defaults were chosen on validation of Banking77 (MiniLM, 3 epochs); docs of the learner give the figures.
    """

    batch: Batch = Field(32, description="rows a step")
    learning_rate: LearningRate | None = Field(
        None,
        description="peak learning rate of the encoder's last layer; None: 0.0002, of pictures and sounds alone 0.0004",
    )
    label_smoothing: LabelSmoothing = Field(0.1, description="share of the target spread evenly")
    loss: LossKeys = Field(LossKeys(), description="what is made small while learning")
    regularisation: RegularisationKeys = Field(
        RegularisationKeys(), description="penalties of the weights, and rows that are mixed"
    )
    growth: GrowthKeys = Field(GrowthKeys(), description="how the batch grows while learning")
    stop_at: str | None = Field(None, description="a bar on validation at which learning ends early")


class FinetuneSpec(Spec):
    """A pretrained encoder, trained further together with its heads."""

    name: ClassVar[str] = "finetune"
    summary: ClassVar[str] = "a pretrained encoder, trained further on your data; the most accurate on text"
    inputs: ClassVar[frozenset[Form]] = forms.READ
    outputs: ClassVar[frozenset[Form]] = forms.ANSWERED
    needs_input: ClassVar[frozenset[Form]] = FORMS
    Options: ClassVar[type[BaseModel]] = FinetuneOptions
    Training: ClassVar[type[BaseModel]] = FinetuneTraining
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {
        "learn.learning_rate": Between(1e-4, 8e-4, log=True),
        "model.head_rate": Between(3e-4, 3e-3, log=True),
    }
    cuttable: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = forms.MODULES
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    rank: ClassVar[int] = 2
    fewest_epochs: ClassVar[int] = 2
    starts_as: ClassVar[str | None] = "probe"
    augments: ClassVar[bool] = True
    moved: ClassVar[Mapping[str, str]] = {
        "warmup": "learn.schedule.warmup",
        "average": "learn.averaging.decay",
    }

    def without_effect(self, signature: Signature, options: BaseModel) -> Iterator[Notice]:
        """Yield a warning where texts shall be joined, and there are not two of them."""
        assert isinstance(options, FinetuneOptions)
        texts = fields_of(signature.inputs, Form.TOKENS)
        if options.together is not None and len(texts) < 2:
            yield Notice("finetune.few-texts", count=len(texts))
