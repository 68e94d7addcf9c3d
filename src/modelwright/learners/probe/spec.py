"""A linear probe: what it accepts and takes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.pixels import PixelOptions
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.training import Device, Epochs, LabelSmoothing, WeightDecay
from modelwright.learners.networks import forms
from modelwright.learners.weights.families import FORMS


class ProbeOptions(BaseModel):
    """The keys of `model:` that a probe takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["mean", "first"] | None = Field(
        None, description="how tokens become one vector; None: as the pretrained folder says, else their mean"
    )
    max_length: int | None = Field(
        None, ge=3, description="most tokens of a text; None: 99 % of the training texts are kept whole"
    )
    pixels: PixelOptions = Field(PixelOptions(), description="how pictures become pixels; see images.md")


class ProbeTraining(BaseModel):
    """The keys of `learn:` that a probe takes, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # A step is one iteration of L-BFGS over all rows, so an epoch is a step.
    epochs: Epochs | None = Field(
        None, description="most iterations of L-BFGS a strength of L2; without it, the budget decides"
    )
    weight_decay: WeightDecay | None = Field(
        None, description="L2 of the heads, in rows; None: validation chooses among 100, 30, 10, 3 and 1"
    )
    label_smoothing: LabelSmoothing = Field(0.0, description="share of the target spread evenly")
    device: Device = Field(
        "auto",
        description="what features are computed on; auto: a GPU where torch sees one, else the processor",
    )


class ProbeSpec(Spec):
    """Linear heads on the features of a frozen pretrained encoder."""

    name: ClassVar[str] = "probe"
    summary: ClassVar[str] = "linear heads on a frozen pretrained encoder; learns in a minute or two"
    inputs: ClassVar[frozenset[Form]] = forms.READ
    outputs: ClassVar[frozenset[Form]] = forms.ANSWERED
    needs_input: ClassVar[frozenset[Form]] = FORMS
    Options: ClassVar[type[BaseModel]] = ProbeOptions
    Training: ClassVar[type[BaseModel]] = ProbeTraining
    modules: ClassVar[tuple[str, ...]] = forms.MODULES
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    rank: ClassVar[int] = 1
