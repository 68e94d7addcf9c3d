"""What a learner that follows gradients shows while its rate rises: the loss on training batches, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RateSweep:
    """The steps of a learning-rate range test (Smith 2017).

    rates: of `learn.learning_rate`, by step; losses: on the batch of each step, before it was taken; together: keys of
    the project file whose rates rose along, each with how many times the rate it is.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    together: Mapping[str, float] = field(default_factory=dict)
