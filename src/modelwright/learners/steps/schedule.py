"""How the learning rate changes while learning: the share of its peak at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelwright.learners.contract.steps import WARMUP, Schedule, ScheduleKeys

_CYCLE_RISES = 0.3  # of the steps of one cycle


@dataclass(frozen=True)
class RateSchedule:
    """A schedule with all that decides it (`ScheduleKeys`)."""

    name: Schedule = "linear"
    warmup: float = WARMUP
    at: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1
    decay: float = 9.0
    patience: int = 1
    # of a range test: the share at the first step; then evenly on a logarithmic scale up to 1
    rises_from: float | None = None

    def share(self, step: int, steps: int, ranks: Sequence[tuple[float, ...]] = ()) -> float:
        """Return the share of the peak rate, in (0, 1], of a step counted from 0.

        It rises linearly over warmup · steps, and changes from there as the schedule says; one cycle rises along half a
        cosine, over at least 30 % of the steps (Smith and Topin 2019). ranks: of the evaluations so far, the lower the
        better, for a plateau.
        """
        if self.rises_from is not None:
            # evenly on a logarithmic scale, to 1 at the last step (Smith 2017)
            return math.exp(math.log(self.rises_from) * (1.0 - step / max(1, steps - 1)))
        least = _CYCLE_RISES if self.name == "one-cycle" else 0.0
        rising = max(self.warmup, least) * steps
        # counted from 1 while rising, so that the first step already learns
        up = min(1.0, (step + 1) / rising) if rising else 1.0
        if self.name == "one-cycle":
            up = _half_cosine(up)
        return min(up, self._after(step, steps, rising, ranks))

    def _after(self, step: int, steps: int, rising: float, ranks: Sequence[tuple[float, ...]]) -> float:
        """Return the share without its rise; left: what is left of the steps after it, from 1 to just above 0."""
        left = min(1.0, (steps - step) / (steps - rising + 1))  # + 1, so that the last step learns
        done = max(0.0, step - rising) / (steps - rising)  # from 0 to just below 1
        match self.name:
            case "constant":
                found = 1.0
            case "step":
                found = self.factor ** sum(step >= share * steps for share in self.at)
            case "inverse-time":
                found = 1.0 / (1.0 + self.decay * done)
            case "exponential":
                found = self.factor**done
            case "linear":
                found = left
            case "cosine" | "one-cycle":
                found = _half_cosine(left)  # Loshchilov and Hutter 2017, without restarts
            case "plateau":
                found = self.factor ** falls(ranks, self.patience)
        return found


def schedule_of(keys: ScheduleKeys, default: Schedule) -> RateSchedule:
    """Return the schedule that `learn.schedule` names, or a learner's default."""
    return RateSchedule(
        name=keys.name or default,
        warmup=WARMUP if keys.warmup is None else keys.warmup,
        at=keys.at,
        factor=keys.factor,
        decay=keys.decay,
        patience=keys.patience,
    )


def falls(ranks: Sequence[tuple[float, ...]], patience: int) -> int:
    """Return how often the rate has fallen on a plateau: at every so many evaluations in a row without gain."""
    found = stale = 0
    for place, rank in enumerate(ranks):
        stale = 0 if place == 0 or rank < min(ranks[:place]) else stale + 1
        if stale == patience:
            found, stale = found + 1, 0
    return found


def _half_cosine(share: float) -> float:
    """Return 0 for 0 and 1 for 1, flat at both ends."""
    return (1.0 - math.cos(math.pi * share)) / 2
