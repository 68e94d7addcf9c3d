"""What is named of learning by gradients.

The sections `optimiser`, `schedule`, `loss`, `regularisation`, `averaging` and `growth` of `learn:`; activations,
initialisations of `model:`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelwright.core.messages import ValueProblem
from modelwright.core.messages.setting import setting

Optimiser = Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "muon"]
Schedule = Literal[
    "constant", "step", "inverse-time", "exponential", "linear", "cosine", "one-cycle", "plateau"
]

Activation = Literal["relu", "gelu", "tanh", "sigmoid", "silu"]
Initialisation = Literal["default", "uniform", "normal", "xavier", "he", "orthogonal"]
Normalisation = Literal["batch", "layer", "none"]
OfClasses = Literal["cross-entropy", "focal"]
Averaging = Literal["exponential", "stochastic", "none"]
OfNumbers = Literal["squared", "absolute", "huber", "quantile"]

# Key → the names beside which it means something; of any other it would be given in vain.
_OPTIMISERS: Mapping[str, frozenset[str]] = {
    "momentum": frozenset({"sgd", "rmsprop", "muon"}),
    "nesterov": frozenset({"sgd", "muon"}),
    "betas": frozenset({"adamw", "adam", "muon"}),
    "smoothing": frozenset({"rmsprop"}),
}
_SCHEDULES: Mapping[str, frozenset[str]] = {
    "at": frozenset({"step"}),
    "factor": frozenset({"step", "exponential", "plateau"}),
    "decay": frozenset({"inverse-time"}),
    "patience": frozenset({"plateau"}),
}
_AVERAGINGS: Mapping[str, frozenset[str]] = {
    "decay": frozenset({"exponential"}),
    "begin": frozenset({"stochastic"}),
}
_SHARES = setting("at", [0.5, 0.75])  # as a message proposes them
WARMUP = 0.1  # of the steps, where none is stated
MOST_EVALUATIONS = 10  # of validation while learning
_CLASSES: Mapping[str, frozenset[str]] = {"gamma": frozenset({"focal"})}
_NUMBERS: Mapping[str, frozenset[str]] = {"delta": frozenset({"huber"}), "level": frozenset({"quantile"})}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimiserKeys(_Section):
    """How a step follows from a gradient."""

    name: Optimiser = Field(
        "adamw", description="the optimiser; matrices alone learn by muon, the rest by adamw"
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, description="of sgd, rmsprop and muon: share of the last step that is taken again"
    )
    nesterov: bool = Field(True, description="of sgd and muon: look ahead along the momentum")
    betas: tuple[float, ...] = Field(
        (0.9, 0.98),
        description="of adam, adamw and the rest beside muon: decay of the averages of gradients and of their squares",
    )
    smoothing: float = Field(
        0.99, gt=0, lt=1, description="of rmsprop: decay of the average of squared gradients"
    )
    clip: float | None = Field(
        1.0, gt=0, description="largest norm of a step's gradient, over all weights; null: any norm"
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=1024,
        description="parts in which the rows of a step are read one after another, to save memory",
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_vain(self, _OPTIMISERS, self.name)
        if len(self.betas) != 2 or not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueProblem("learn.betas", line=setting("betas", [0.9, 0.999]))
        return self


class ScheduleKeys(_Section):
    """How the learning rate changes while learning; its peak is the learning rate."""

    name: Schedule | None = Field(None, description="the schedule; without it, the learner's default")
    warmup: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the steps in which the rate rises; without it, the learner's default",
    )
    at: tuple[float, ...] = Field(
        (0.5, 0.75),
        description="of step: after which shares of the steps the rate is multiplied by the factor",
    )
    factor: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="of step and plateau: what the rate is multiplied by; of exponential: by the end of learning",
    )
    decay: float = Field(
        9.0, gt=0, description="of inverse-time: λ in 1 / (1 + λ t), where t rises from 0 to 1 while learning"
    )
    patience: int = Field(
        1,
        ge=1,
        le=MOST_EVALUATIONS - 2,  # the first is no loss, and none follows the last
        description="of plateau: evaluations without gain, after which the rate falls; validation is answered at most "
        f"{MOST_EVALUATIONS} times",
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_vain(self, _SCHEDULES, self.name)
        if not self.at:
            raise ValueProblem("learn.no-share", line=_SHARES)
        _require_shares(self.at)
        rises = WARMUP if self.warmup is None else self.warmup
        if self.name == "step" and self.at[0] < rises:
            # it would fall before it has come to its peak, which no step would have
            raise ValueProblem("learn.falls-while-rising", first=self.at[0], rises=rises, line=_SHARES)
        return self


class RegularisationKeys(_Section):
    """Penalties of the weights, beside `learn.weight_decay`, which is decoupled from the gradient; mixed rows."""

    l1: float = Field(0.0, ge=0, description="weight of the sum of absolute weights, added to the loss")
    l2: float = Field(0.0, ge=0, description="weight of half the sum of squared weights, added to the loss")
    mixup: float = Field(
        0.0,
        ge=0,
        le=10,
        description="α of Beta(α, α), from which the shares are drawn by which two rows and their truths are mixed: "
        "pictures as they are, all else as features; 0: none are",
    )
    cutmix: float = Field(
        0.0,
        ge=0,
        le=10,
        description="α of Beta(α, α), from which the share of a picture is drawn that another one covers; 0: none is",
    )


class AveragingKeys(_Section):
    """Which average of the weights is kept."""

    name: Averaging = Field(
        "exponential",
        description="exponential: a moving average; stochastic: the mean over the last steps; none: the last weights",
    )
    decay: float = Field(
        0.99, ge=0, lt=1, description="of exponential: share of the average that a step leaves"
    )
    begin: float = Field(
        0.75, ge=0, lt=1, description="of stochastic: share of the steps after which the mean begins"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_vain(self, _AVERAGINGS, self.name)
        return self


class GrowthKeys(_Section):
    """How the batch grows while learning."""

    at: tuple[float, ...] = Field(
        (), description="after which shares of the steps the batch grows; none: never"
    )
    factor: int = Field(2, ge=2, le=64, description="what the rows of a step are multiplied by each time")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        _require_shares(self.at)
        return self


class LossKeys(_Section):
    """What is made small while learning, and what validation compares checkpoints by."""

    classes: OfClasses = Field("cross-entropy", description="of classes, truth values and sets")
    gamma: float = Field(
        2.0, gt=0, description="of focal: how much less the rows count that are answered surely and rightly"
    )
    class_weights: Literal["even", "balanced"] | dict[str, Annotated[float, Field(ge=0)]] = Field(
        "even",
        description="of classes and truth values: balanced weighs a class by the inverse of its share of the rows; "
        "or class → weight, 1 where none is given",
    )
    numbers: OfNumbers | None = Field(
        None,
        description="of numbers and vectors; None: squared, and absolute where answers aim at the median",
    )
    delta: float = Field(
        1.0,
        gt=0,
        description="of huber: from how many standard deviations on an error counts no longer by its square",
    )
    level: float = Field(
        0.5, gt=0, lt=1, description="of quantile: the share of truths below the answer that is aimed at"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_vain(self, _CLASSES, self.classes, "classes")
        _refuse_vain(self, _NUMBERS, self.numbers, "numbers")
        return self


def _require_shares(at: tuple[float, ...]) -> None:
    """Raise ValueProblem where shares of the steps do not rise, or lie outside of learning."""
    if at and (list(at) != sorted(set(at)) or not 0 < at[0] <= at[-1] < 1):
        raise ValueProblem("learn.rising-shares", line=_SHARES)


def _refuse_vain(
    section: _Section, of: Mapping[str, frozenset[str]], name: str | None, by: str = "name"
) -> None:
    """Raise ValueProblem for a key that is changed beside a name with which it means nothing."""
    for key in sorted(of):
        # a sealed plan states every key
        changed = getattr(section, key) != type(section).model_fields[key].default
        if changed and name not in of[key]:
            raise ValueProblem("learn.vain-key", key=key, by=by, names=sorted(of[key]))
