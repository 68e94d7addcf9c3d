"""Heads: one an output, chosen by its kind. A head is a linear layer and a task: what it answers, its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.core.signature import Field

Loss = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class Task:
    """What an output answers: its array, that array's columns (None: it is (batch,)), and the loss of a row.

    `loss` takes answers, truths and a label smoothing, and gives one value a row; `known` says which truths
    are there; `wrong` gives one value a row of what validation compares checkpoints by.
    """

    array: str
    columns: int | None
    loss: Loss
    known: Callable[[Tensor], Tensor]
    wrong: Callable[[Tensor, Tensor], Tensor]


def task(field: Field, state: Any) -> Task:
    """Return the task of an output."""
    match field.kind:
        case "category":
            return Task("logits", len(state.classes), _cross_entropy, _has_class, _other_class)
        case "boolean":
            return Task("logit", None, _binary_cross_entropy, _has_class, _other_side)
        case "number":
            return Task("value", None, _squared_error, _is_number, _squared)
        case _:
            raise AssertionError(f"no head for {field}")


class Head(nn.Module):
    """A linear layer that gives an output's array."""

    def __init__(self, width: int, of: Task) -> None:
        super().__init__()
        self.task = of
        self.linear = nn.Linear(width, of.columns or 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the output's array, (batch, columns) or (batch,), of features (batch, width)."""
        answers: Tensor = self.linear(features)
        return answers if self.task.columns is not None else answers.squeeze(-1)


def mean_loss(of: Task, answers: Tensor, truth: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean loss over the rows whose truth is known, and 0 where no row's is."""
    known = of.known(truth)
    if not bool(known.any()):
        return answers.sum() * 0.0
    return of.loss(answers[known], truth[known], smoothing).mean()


def _cross_entropy(answers: Tensor, truth: Tensor, smoothing: float) -> Tensor:
    return functional.cross_entropy(answers, truth, reduction="none", label_smoothing=smoothing)


def _binary_cross_entropy(answers: Tensor, truth: Tensor, smoothing: float) -> Tensor:
    target = truth.to(answers.dtype) * (1.0 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(answers, target, reduction="none")


def _squared_error(answers: Tensor, truth: Tensor, smoothing: float) -> Tensor:
    return _squared(answers, truth)


def _squared(answers: Tensor, truth: Tensor) -> Tensor:
    return (answers - truth) ** 2


def _has_class(truth: Tensor) -> Tensor:
    return truth >= 0


def _is_number(truth: Tensor) -> Tensor:
    return ~torch.isnan(truth)


def _other_class(answers: Tensor, truth: Tensor) -> Tensor:
    return (answers.argmax(dim=-1) != truth).to(torch.float32)


def _other_side(answers: Tensor, truth: Tensor) -> Tensor:
    return ((answers >= 0) != (truth > 0)).to(torch.float32)
