"""Activations by name, and weights as they are drawn before the first step, by the name of the distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import init

from modelwright.learners.contract.steps import Activation, Initialisation

_ACTIVATIONS: Mapping[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
}


def _orthogonal(weight: Tensor) -> Tensor:
    """Draw a weight whose rows, all but the first axis flattened, are orthogonal; returns it."""
    # drawn apart: PyTorch's draws into no memory in which channels come last, as those of pictures lie
    drawn = init.orthogonal_(torch.empty(weight.shape))
    with torch.no_grad():
        return weight.copy_(drawn)


_DRAWN: Mapping[Initialisation, Callable[[Tensor], Tensor]] = {
    "uniform": lambda weight: init.uniform_(weight, -0.05, 0.05),
    "normal": lambda weight: init.normal_(weight, std=0.05),
    "xavier": init.xavier_uniform_,  # Glorot and Bengio 2010
    "he": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),  # He et al. 2015
    "orthogonal": _orthogonal,  # Saxe et al. 2014
}


def activate(module: nn.Module, name: Activation) -> None:
    """Put an activation in the place of every ReLU of a module."""
    for place, inner in list(module.named_children()):
        if type(inner) is nn.ReLU:
            setattr(module, place, _ACTIVATIONS[name]())
        else:
            activate(inner, name)


def initialise(module: nn.Module, name: Initialisation) -> None:
    """Draw the weights of linear and convolutional layers anew, by PyTorch's generator; their biases are 0."""
    if name == "default":
        return
    for inner in module.modules():
        if isinstance(inner, nn.Linear | nn.Conv1d | nn.Conv2d):
            _DRAWN[name](inner.weight)
            if inner.bias is not None:
                init.zeros_(inner.bias)
