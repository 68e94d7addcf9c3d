"""How a network is trained, and how it fared on validation on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelwright.core.messages import Notice
from modelwright.core.requirements.requirement import Requirement
from modelwright.learners.contract.steps import (
    AveragingKeys,
    GrowthKeys,
    LossKeys,
    OptimiserKeys,
    RegularisationKeys,
)
from modelwright.learners.steps.schedule import RateSchedule


@dataclass(frozen=True)
class Recipe:
    """How to train.

    `learning_rate` is the last layer's; a layer below has `layer_decay` times the rate of the one above (Howard
    and Ruder 2018, section 3.2). `dropout` falls on the features. `weights`: output → weight of its loss. `patience`:
    evaluations without gain before learning stops, None for never. `augment`: input → variation → how far
    (`training.augmentation`). `optimiser`, `schedule`, `loss`, `regularisation`, `averaging`, `growth`: as the sections
    of `learn:` say. `heads_stated`: whether `learn.learning_rate` states `head_rate`. `stop_at`: the bar on validation
    at which learning ends. `unfreeze`: share of the steps over which pretrained layers begin to learn, from the top.
    `noisy`: whether layers drop out and normalise by the batch while they learn. `balanced`: whether rows are drawn so
    that all classes of the first output that has some are as frequent. `token_dropout`: share of the tokens of a
    text that a step leaves out; `layer_dropout`: share of what pretrained layers give. `omitted`: share of the
    values of optional inputs that a step takes for missing, where no learned vector can stand for them; `left_out`:
    share of the loss that is of rows from which the others are left out. `auxiliary`: weight of the losses of what
    each part answers by itself, where several are combined. `precision`: of the numbers that a step computes in;
    weights, averages and losses are float32. `compiled`: whether layers are compiled. `whole`: whether gradients of
    word vectors hold all rows, as those that several processes exchange, also where one process reads a step at
    once. `fitted`: whether the heads were fitted to the features before the first step, so that dropout falls on how
    far features are from their mean.
    """

    learning_rate: float
    head_rate: float
    layer_decay: float
    weight_decay: float
    label_smoothing: float
    dropout: float
    weights: Mapping[str, float]
    patience: int | None = None
    augment: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    optimiser: OptimiserKeys = field(default_factory=OptimiserKeys)
    schedule: RateSchedule = field(default_factory=RateSchedule)
    loss: LossKeys = field(default_factory=LossKeys)
    averaging: AveragingKeys = field(default_factory=AveragingKeys)
    growth: GrowthKeys = field(default_factory=GrowthKeys)
    stop_at: Requirement | None = None
    regularisation: RegularisationKeys = field(default_factory=RegularisationKeys)
    unfreeze: float = 0.0
    heads_stated: bool = False
    noisy: bool = False
    balanced: bool = False
    token_dropout: float = 0.0
    layer_dropout: float = 0.0
    omitted: float = 0.0
    left_out: float = 0.0
    auxiliary: float = 0.0
    precision: str = "float32"
    compiled: bool = False
    whole: bool = False
    fitted: bool = False

    @property
    def stated_rate(self) -> float:
        """Return the rate that `learn.learning_rate` states: of the encoder, or of what is learned from scratch."""
        return self.head_rate if self.heads_stated else self.learning_rate


@dataclass(frozen=True)
class Score:
    """How averaged weights fared on validation after `step` steps; sums over outputs, by their weights.

    compared: what scores are compared by before the loss, None: how wrong (`heads.compared_wrong`).
    goal: what validation shows of the bar at which learning ends, None where there is none.
    alone: of each part, where several are combined, how wrong what it answers by itself is, and the half width of the
    95 % interval of its difference to all of them together.
    """

    step: int
    wrong: float
    loss: float
    alone: tuple[tuple[float, float], ...] = ()
    compared: float | None = None
    goal: float | None = None

    # lexicographic: the loss decides between equal errors, the earlier step between equal losses
    @property
    def rank(self) -> tuple[float, float, int]:
        """Return what the best score has least of; few rows leave many steps equally wrong, and the loss is finer."""
        return (self.wrong if self.compared is None else self.compared, self.loss, self.step)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return the score of what `asdict` and JSON made of one."""
        return cls(**{**kept, "alone": tuple((wrong, margin) for wrong, margin in kept.get("alone", ()))})


@dataclass(frozen=True)
class Trained:
    """What a training showed: every score, what there is to say of how it went, and whether it ended by itself."""

    history: list[Score]
    notices: tuple[Notice, ...] = ()
    settled: bool = False
