"""What a student learns from: the teacher's answers beside the truths (Hinton et al. 2015, section 2).

Shapes: n rows of a batch, C classes, K members of a set, d dimensions of a vector.
"""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelwright.learners.networks.heads import ClassTask, FlagTask, SetTask, Task, Truths, at
from modelwright.learners.networks.losses import Losses

TEACHER = "teacher"
"""The array of a row's truths that holds the teacher's answer."""


@final
class TaughtTask(Task):
    """The task of an output whose rows have a teacher's answer; a row without one is learned from its truth alone.

    loss = (1 - share) · loss of the truth + share · loss of the teacher's answer, of a row without a truth the latter
    alone.
    """

    def __init__(self, task: Task, share: float, temperature: float) -> None:
        self.columns = task.columns
        self.array = task.array  # type: ignore[misc] # of the task that is wrapped
        self._task, self._share, self._temperature = task, share, temperature

    @property
    def how(self) -> Losses:
        """Return how the loss of the truths follows from them."""
        return self._task.how

    @how.setter
    def how(self, how: Losses) -> None:
        self._task.how = how

    def counts(self, truths: Truths) -> Tensor | None:
        """Return how many rows have each class, of those with a truth."""
        return self._task.counts(at(truths, self._task.known(truths)))

    def shaped(self, answers: Tensor) -> Tensor:
        """Return the output's array of what a linear layer gives."""
        return self._task.shaped(answers)

    def evidence(self, answers: Tensor) -> Tensor:
        """Return the output's array as the features of another head."""
        return self._task.evidence(answers)

    def known(self, truths: Truths) -> Tensor:
        """Return which rows have a truth or a teacher's answer: bool (n,)."""
        known = self._task.known(truths)
        return torch.ones_like(known) if TEACHER in truths else known

    def loss(self, answers: Tensor, truths: Truths, smoothing: float) -> Tensor:
        """Return the loss of each row (n,)."""
        if TEACHER not in truths:
            return self._task.loss(answers, truths, smoothing)
        loss = self._soft(answers, truths[TEACHER])
        known = self._task.known(truths)
        if not bool(known.any()):
            return loss
        hard = torch.zeros_like(loss)
        hard[known] = self._task.loss(answers[known], at(truths, known), smoothing)
        return torch.where(known, (1.0 - self._share) * hard + self._share * loss, loss)

    def _soft(self, answers: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss of the teacher's answer, (n,)."""
        match self._task:
            case ClassTask():
                heat = self._temperature
                # T² · KL(teacher ‖ student) of softmaxes at T: gradients stay as large as those of the truths
                gap = functional.kl_div(
                    functional.log_softmax(answers / heat, dim=-1),
                    functional.log_softmax(teacher / heat, dim=-1),
                    reduction="none",
                    log_target=True,
                )
                return heat**2 * gap.sum(dim=-1)
            case FlagTask() | SetTask():
                heat = self._temperature
                target = (teacher / heat).sigmoid()
                each = functional.binary_cross_entropy_with_logits(answers / heat, target, reduction="none")
                # less its least, the teacher's own entropy, so that it is a divergence too
                least = functional.binary_cross_entropy_with_logits(teacher / heat, target, reduction="none")
                gaps = heat**2 * (each - least)
                return gaps if gaps.dim() == 1 else gaps.sum(dim=-1)
            case _:  # numbers, vectors, forecasts: the teacher's are what is to be met
                gaps = (answers - teacher) ** 2
                return gaps if gaps.dim() == 1 else gaps.flatten(1).mean(dim=-1)

    def wrong(self, answers: Tensor, truths: Truths) -> Tensor:
        """Return how wrong each row's answer is, by its truth."""
        return self._task.wrong(answers, truths)

    def least(self, truths: Truths) -> float | None:
        """Return how wrong the best answer is that is the same for all rows."""
        return self._task.least(truths)


def truths_of(known: Truths, teacher: NDArray[np.float32]) -> dict[str, Tensor]:
    """Return the truths of as many rows as the teacher answers: the first have their own, the others none."""
    found: dict[str, Tensor] = {TEACHER: torch.from_numpy(np.ascontiguousarray(teacher))}
    for name, values in known.items():
        more = (len(teacher) - len(values), *values.shape[1:])
        none = torch.full(more, float("nan") if values.dtype.is_floating_point else -1, dtype=values.dtype)
        found[name] = torch.cat([values, none])
    return found
