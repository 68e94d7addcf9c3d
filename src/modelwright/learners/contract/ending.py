"""Where a learning ends before its last planned step: where its plan says so, or where the clock has run out.

A learner that takes steps asks after each of them, in every training that it is made of:

    end = setup.ending.of(f"booster-{place}", share=(place + 1) / boosters)
    for step in range(1, end.last(setup.steps) + 1):
        …
        if step < setup.steps and end.is_due(step):
            …                    # its state is saved in the scratch folder, as it is before this step is evaluated
            end.cut(step, setup.steps)

What is under way when the clock runs out is never what is sealed: the signal leads to a plan that names the last step,
and what is learned under that plan is the same wherever, and however fast, it is learned.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

_LEAST_PART = 0.25  # of the steps of one training of several

TRAINING = "training"
"""The name of the training of a learning that has one."""

_WITHIN = "/"  # between a part of a learning and its training

SETTLED = "settled"
"""In what `learn` returns: whether it ended by itself before its last step, so that more steps would change nothing."""


class LearningCut(Exception):  # noqa: N818 - a signal: whoever runs the learning seals a plan that ends here
    """The clock has run out in a training, whose state of this step lies in the scratch folder."""

    def __init__(self, training: str, step: int, steps: int) -> None:
        super().__init__(f"{training}: step {step} of {steps}")
        self.training, self.step, self.steps = training, step, steps


@dataclass(frozen=True)
class TrainingEnd:
    """Where one training ends early.

    sealed: its last step, where the plan names one; over: whether the time has run out; earliest: the step before which
    it does not end, whatever the time.
    """

    training: str = TRAINING
    sealed: int | None = None
    over: Callable[[], bool] = lambda: False
    earliest: int = 1

    def last(self, steps: int) -> int:
        """Return the last of so many planned steps that is taken."""
        return steps if self.sealed is None else min(steps, self.sealed)

    def is_due(self, step: int) -> bool:
        """Tell whether it is to end after this step. Where the plan names the last step, it is never cut again."""
        return self.sealed is None and step >= self.earliest and self.over()

    def cut(self, step: int, steps: int) -> NoReturn:
        """End the learning here; its state is saved."""
        raise LearningCut(self.training, step, steps)


@dataclass(frozen=True)
class Ending:
    """Where the trainings of a learning end early.

    last_steps: training → its last step, and of how many planned ones, of a plan that was made where the clock had run
    out; over: whether a share of the time is over; spent: the share that is; name: what a training is called in a plan.
    """

    last_steps: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    over: Callable[[float], bool] = lambda share: False
    spent: Callable[[], float] = lambda: 0.0
    name: Callable[[str], str] = lambda training: training

    def of(self, training: str = TRAINING, share: float = 1.0) -> TrainingEnd:
        """Return where a training ends; share: of the time that is for all, what is over when this one must end."""
        sealed, _ = self.last_steps.get(training, (None, None))
        return TrainingEnd(self.name(training), sealed, lambda: self.over(share))

    def within(self, part: str, share: float, of_all: float) -> Ending:
        """Return where the trainings of a part of a learning end.

        share: of the time that is left; of_all: of the time of all parts, half of which it has whatever those before it
        took. A training is named for the part, and where the part has several, behind it: `trees/size`.
        """
        begun = min(1.0, self.spent())
        size = max((1.0 - begun) * share, of_all / 2)
        return Ending(
            {
                training: steps
                for name, steps in self.last_steps.items()
                for training in [_within(part, name)]
                if training is not None
            },
            lambda of_part: self.over(begun + of_part * size),
            lambda: (self.spent() - begun) / size,
            lambda training: self.name(name_within(part, training)),
        )

    def in_turn(self, trainings: int) -> Callable[[str, int], TrainingEnd]:
        """Return what says where each of several trainings ends, asked for by name and steps in their order.

        They share what is left of the time alike. Where the clock has ended one, those that follow end after the same
        part of their steps: each would be cut by itself otherwise, and learning begun again as often. A moment in
        which the machine was busy must not end them all, so none ends before a quarter of its steps.
        """
        begun, numbers = min(1.0, self.spent()), itertools.count(1)
        parts: list[float] = []  # of their steps, at which trainings so far were ended

        def end(training: str, steps: int) -> TrainingEnd:
            found = self.of(training, begun + (1.0 - begun) * next(numbers) / trainings)
            if training in self.last_steps:
                last, planned = self.last_steps[training]
                parts.append(last / planned)
            elif parts:
                return replace(found, sealed=max(1, round(min(parts) * steps)))
            return replace(found, earliest=math.ceil(_LEAST_PART * steps))

        return end


def name_within(part: str, training: str) -> str:
    """Return what a training of a part is called among those of all parts."""
    return part if training == TRAINING else f"{part}{_WITHIN}{training}"


def _within(part: str, name: str) -> str | None:
    """Return which training of a part is called so among those of all parts, None where it is of another."""
    if name == part:
        return TRAINING
    return name.removeprefix(part + _WITHIN) if name.startswith(part + _WITHIN) else None
