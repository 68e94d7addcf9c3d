"""The keys of `learn:` that learners share, with their ranges. A learner takes some, with defaults of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.learners.contract.steps import (
    AveragingKeys,
    GrowthKeys,
    LossKeys,
    OptimiserKeys,
    RegularisationKeys,
    ScheduleKeys,
)

# The ranges stand here alone; a learner annotates a key that it takes with its type and gives it a default:
#     learning_rate: LearningRate = Field(0.05, description="shrinkage of each tree")
Epochs = Annotated[int, Field(ge=1)]
Batch = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0)]
WeightDecay = Annotated[float, Field(ge=0)]
LabelSmoothing = Annotated[float, Field(ge=0, lt=1)]
Patience = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16", "float16"]
Processes = Annotated[
    int, Field(ge=1, le=64, description="processes that share the rows of each step; on GPUs one each")
]
Compile = Annotated[
    bool | Literal["auto"],
    Field(
        description="whether layers of encoders are compiled; auto: on a GPU, where a step is quicker for it"
    ),
]
Device = Annotated[
    str,
    Field(
        pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$",
        examples=["auto", "cpu", "cuda", "cuda:1"],
        description="what steps are computed on; auto: a GPU where torch sees one, else the processor",
    ),
]


class StepsTraining(BaseModel):
    """The keys of `learn:` of learners that take steps along gradients; each has its own defaults of the first five."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs | None = Field(
        None, description="passes over the training split; without it, the budget decides"
    )
    batch: Batch | None = Field(None, description="rows a step")
    learning_rate: LearningRate | None = Field(None, description="peak learning rate")
    weight_decay: WeightDecay = Field(0.01, description="decoupled weight decay of AdamW")
    label_smoothing: LabelSmoothing = Field(0.0, description="share of the target spread evenly")
    patience: Patience | None = Field(
        None, description="evaluations without gain before learning stops; None: all steps are taken"
    )
    precision: Precision | None = Field(
        None,
        description="what steps compute in; None: bfloat16 where the processor has it and a step is quicker",
    )
    device: Device = "auto"
    compile: Compile = "auto"
    processes: Processes = 1
    optimiser: OptimiserKeys = Field(OptimiserKeys(), description="how a step follows from a gradient")
    schedule: ScheduleKeys = Field(
        ScheduleKeys(), description="how the learning rate changes; by default linear, of which 10 % rise"
    )
    averaging: AveragingKeys = Field(AveragingKeys(), description="which average of the weights is kept")


class TrainingKeys(BaseModel):
    """How to train: every key that learners share. None leaves the choice to the learner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs | None = Field(
        None, description="passes over the training split; without it, the budget decides"
    )
    batch: Batch | None = Field(None, description="rows a step; without it, the learner's default")
    learning_rate: LearningRate | None = Field(
        None, description="peak learning rate, or shrinkage of trees; without it, the learner's default"
    )
    weight_decay: WeightDecay | None = Field(
        None, description="decoupled weight decay, or L2; without it, the learner's default"
    )
    label_smoothing: LabelSmoothing | None = Field(
        None, description="share of the target spread evenly; without it, the learner's default"
    )
    patience: Patience | None = Field(
        None, description="checkpoints without gain before learning stops; without it, the learner's default"
    )
    precision: Precision | None = Field(
        None,
        description="the type of numbers that steps compute in (weights stay float32); without it, bfloat16 where the "
        "processor has it and a step is quicker",
    )

    device: Device | None = Field(
        None,
        description="what steps are computed on: `cpu`, `cuda` or one of several GPUs (`cuda:1`); `auto` and without "
        "it: a GPU where torch sees one, else the processor",
    )
    compile: Compile | None = Field(
        None,
        description="whether the layers of encoders are compiled (torch.compile), which takes some seconds and a C++ "
        "compiler; `auto` and without it: on a GPU, where a step is quicker for it and the budget long enough",
    )
    processes: Processes | None = Field(
        None,
        description="processes that share the rows of each step: on GPUs one each; without it, one",
    )
    optimiser: OptimiserKeys | None = Field(None, description="how a step follows from a gradient")
    schedule: ScheduleKeys | None = Field(None, description="how the learning rate changes while learning")
    loss: LossKeys | None = Field(None, description="what is made small while learning")
    regularisation: RegularisationKeys | None = Field(
        None, description="penalties of the weights, and rows that are mixed"
    )
    averaging: AveragingKeys | None = Field(None, description="which average of the weights is kept")
    growth: GrowthKeys | None = Field(None, description="how the batch grows while learning")
    stop_at: str | None = Field(
        None,
        description="a bar on validation at which learning ends early: `accuracy >= 0.95`",
    )

    @property
    def given(self) -> dict[str, object]:
        """Return the keys that the project file gives a value."""
        return {
            name: getattr(self, name) for name in TrainingKeys.model_fields if getattr(self, name) is not None
        }
