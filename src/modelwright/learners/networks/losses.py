"""Losses by name: how the loss of a row follows from its answer and its truth. Shapes: n rows of a batch, C classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from modelwright.learners.contract.steps import LossKeys, OfNumbers


@dataclass(frozen=True)
class Losses:
    """How the loss of a row follows from its answer and its truth (`learn.loss`).

    gamma: of the focal loss, 0: cross-entropy; weights: of the classes, (C,), or of no and yes, (2,), None: alike;
    numbers, delta, level: of numbers.
    """

    gamma: float = 0.0
    weights: Tensor | None = None
    numbers: OfNumbers = "squared"
    delta: float = 1.0
    level: float = 0.5

    def of_choice(self, loss: Tensor, sure: Callable[[], Tensor]) -> Tensor:
        """Return losses (…) of choices; sure: gives the probability of the right one, of the same shape.

        (1 - p)^γ times the cross-entropy, so that rows that are answered rightly count for less (Lin et al. 2017).
        """
        return loss if not self.gamma else (1.0 - sure()).clamp(min=0.0) ** self.gamma * loss

    def of_class(self, loss: Tensor, index: Tensor) -> Tensor:
        """Return losses (n,) weighed by the classes of their truths, int64 (n,)."""
        return loss if self.weights is None else loss * self.weights.to(index.device)[index]

    def of_gap(self, gap: Tensor) -> Tensor:
        """Return the loss of each error, answer - truth (…), in standard deviations."""
        match self.numbers:
            case "squared":
                return gap**2
            case "absolute":
                return gap.abs()
            case "huber":
                # twice Huber's, so that small errors count as they do squared (Huber 1964)
                return 2.0 * functional.huber_loss(
                    gap, torch.zeros_like(gap), reduction="none", delta=self.delta
                )
            case "quantile":
                # Koenker and Bassett 1978: least where this share of truths is below the answer
                return torch.maximum(-self.level * gap, (1.0 - self.level) * gap)


def settled(keys: LossKeys, counts: Tensor | None, labels: Sequence[str] = ()) -> Losses:
    """Return how an output's loss follows from `learn.loss`.

    counts: of the training rows of each class, (C,); labels: their names, which weights by class are given by.
    """
    weights = None
    if keys.class_weights == "balanced" and counts is not None:
        # n / (C · count): over all rows their mean is 1; a class that no row has counts for nothing
        there = counts > 0
        weights = torch.where(there, counts.sum() / (there.sum() * counts.clamp(min=1)), 0.0)
    elif isinstance(keys.class_weights, Mapping) and counts is not None:
        weights = torch.tensor([keys.class_weights.get(label, 1.0) for label in labels])
    gamma = keys.gamma if keys.classes == "focal" else 0.0
    return Losses(gamma, weights, keys.numbers or "squared", keys.delta, keys.level)
