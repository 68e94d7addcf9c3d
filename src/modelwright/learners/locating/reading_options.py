"""The keys that the learners share which read texts in windows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelwright.learners.contract.training import (
    Batch,
    Epochs,
    LearningRate,
    StepsTraining,
)


class ReadingOptions(BaseModel):
    """The keys of `model:` for reading texts in windows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(
        256,
        ge=8,
        le=8192,
        description="tokens that are read at once; a longer text is read in several windows, and all of it is read",
    )
    stride: int = Field(
        64, ge=0, le=4096, description="tokens that two windows share; at most half of a window"
    )
    question: int = Field(
        64,
        ge=1,
        le=4096,
        description="tokens that are read of the other inputs; what is longer is cut at its end",
    )
    freeze_words: bool = Field(True, description="leave the word vectors as they were pretrained")
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="learning rate of a layer as a share of the rate of the one above it"
    )
    head_rate: float = Field(0.001, gt=0, description="peak learning rate of what is not pretrained")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of what is read that a step leaves out")
    most_epochs: int = Field(10, ge=1, description="most passes that a budget is turned into")


class ReadingTraining(StepsTraining):
    """The keys of `learn:` for reading texts in windows."""

    epochs: Epochs | None = Field(
        None, description="passes over the windows of the training texts; without it, the budget decides"
    )
    batch: Batch = Field(16, description="windows a step")
    learning_rate: LearningRate = Field(2e-4, description="peak learning rate of the encoder's last layer")
