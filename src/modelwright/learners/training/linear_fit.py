"""Linear heads on fixed features: deterministic, with the L2 that validation prefers.

Shapes: n rows, w the features' width, c the columns of an output's array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from modelwright.learners.networks.heads import Head, Task, Truths, at, mean_loss, mean_wrong
from modelwright.learners.training import checkpoint

# L2 in rows: the objective is the mean loss + L2/(2n) · |w|², on standardised features; scikit-learn's C is its
# inverse. From strong to weak, each started at the one before, which is quicker than starting each anew.
STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0)
_CONSTANT = 1e-6  # a feature that varies less is constant


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of the training features, (w,)."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Scale:
        """Return the scale of features (n, w); a constant feature's deviation is 1."""
        # (w,) each, with divisor n: these are constants of the training rows, no estimates
        deviation, mean = torch.std_mean(features, dim=0, correction=0)
        return cls(mean, torch.where(deviation > _CONSTANT, deviation, torch.ones_like(deviation)))

    def apply(self, features: Tensor) -> Tensor:
        """Return standardised features."""
        return (features - self.mean) / self.deviation


@dataclass(frozen=True)
class StandardRows:
    """Standardised features (n, w) and the truths of one output by array, (n, …)."""

    features: Tensor
    truths: Truths


@dataclass(frozen=True)
class LinearFit:
    """Weights (c, w) and bias (c,) on standardised features, and how they fared."""

    weight: Tensor
    bias: Tensor
    strength: float
    loss: float  # of validation
    wrong: float  # of validation: share of wrong answers, or squared error in deviations

    def as_json(self) -> dict[str, float]:
        """Return the figures."""
        return {"l2": self.strength, "loss": self.loss, "wrong": self.wrong}

    def into(self, head: Head, scale: Scale) -> None:
        """Put the weights into a head that reads raw features; the scale is folded in.

        W · (x − m) / s + b = (W / s) · x + (b − (W / s) · m).
        """
        with torch.no_grad():
            weight = self.weight / scale.deviation
            head.linear.weight.copy_(weight)
            head.linear.bias.copy_(self.bias - weight @ scale.mean)


def fit_best(
    task: Task,
    train: StandardRows,
    validation: StandardRows,
    *,
    iterations: int,
    strengths: Sequence[float],
    smoothing: float,
    scratch: Path,
) -> tuple[LinearFit, list[LinearFit]]:
    """Fit one head for each strength; return the one with the least validation loss, and all of them."""
    last: tuple[Tensor, Tensor] | None = None
    tried: list[LinearFit] = []
    for place, strength in enumerate(strengths):
        path = scratch / f"{place:02d}.safetensors"
        kept = checkpoint.read(path)
        if kept is None:
            last = fit(task, train, strength, last, iterations, smoothing)
            checkpoint.write(path, {"weight": last[0], "bias": last[1]}, {})
        else:
            last = (kept[0]["weight"], kept[0]["bias"])
        answers = _answers(task, validation.features, *last)
        loss = float(mean_loss(task, answers, validation.truths))
        tried.append(LinearFit(*last, strength, loss, mean_wrong(task, answers, validation.truths)))
    return min(tried, key=lambda fitted: fitted.loss), tried


def fit(
    task: Task,
    train: StandardRows,
    strength: float,
    start: tuple[Tensor, Tensor] | None,
    iterations: int,
    smoothing: float,
) -> tuple[Tensor, Tensor]:
    """Return weights (c, w) and bias (c,) that minimise the loss, from `start` or zero.

    The objective is convex, so L-BFGS (Liu and Nocedal 1989) over all rows finds its minimum, and nothing is
    drawn at random.
    """
    if start is None:
        columns = task.columns or 1
        start = (torch.zeros(columns, train.features.shape[1]), torch.zeros(columns))
    weight, bias = (tensor.clone().requires_grad_() for tensor in start)
    known = task.known(train.truths)
    features, truths = train.features[known], at(train.truths, known)
    optimiser = torch.optim.LBFGS(
        [weight, bias],
        max_iter=iterations,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-6,
        tolerance_change=1e-7,
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = task.loss(_answers(task, features, weight, bias), truths, smoothing).mean()
        # The bias is not held down: it carries how frequent the classes are.
        loss = loss + 0.5 * strength / len(features) * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    if len(features):
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def _answers(task: Task, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    answers = functional.linear(features, weight, bias)  # (n, c)
    return task.shaped(answers)
