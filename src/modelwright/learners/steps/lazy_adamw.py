"""AdamW for tables of word vectors: only the rows that a batch has read take part in a step.

Of 30,000 words a batch reads some hundred. All others have no gradient, and AdamW would still read and write each of
their numbers, moments and gradients: a third of what a step of a small encoder spends beside its matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.network import Network

_LAZY = ("adamw", "adam")  # optimisers whose steps a row without a gradient can sit out


class LazyAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter 2019) of weights (rows, width) whose gradients are sparse in their rows.

    The moments of a row, and its decay, rest while no batch reads it. A step is counted for the whole table, as the
    moments' corrections are in PyTorch's SparseAdam, which has no decay.
    """

    def __init__(self, groups: list[dict[str, Any]], *, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, {"betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step of the rows that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, weight.grad, group)

    def _step(self, weight: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        assert gradient.is_coalesced()
        (rows,), values = gradient.indices(), gradient.values()  # (n,), (n, width)
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
            state["read"] = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
        state["step"] += 1
        state["read"][rows] = True
        (first, second), step = group["betas"], float(state["step"])
        mean, square = state["exp_avg"][rows], state["exp_avg_sq"][rows]
        mean.lerp_(values, 1.0 - first)
        square.mul_(second).addcmul_(values, values, value=1.0 - second)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        # w ← w · (1 - rate · decay) - rate · m̂ / (√v̂ + ε), m̂ and v̂ freed of their start at 0
        moved = weight[rows].mul_(1.0 - group["lr"] * group["weight_decay"])
        size = (square / (1.0 - second**step)).sqrt_().add_(group["eps"])
        moved.addcdiv_(mean, size, value=-group["lr"] / (1.0 - first**step))
        weight.index_copy_(0, rows, moved)

    def read(self, weight: Tensor) -> Tensor | None:
        """Return which rows of a weight have ever moved, (n,); None of a weight that is not here."""
        if not any(weight is one for group in self.param_groups for one in group["params"]):
            return None
        state = self.state.get(weight, {})
        return (
            state["read"].nonzero()[:, 0]
            if state
            else torch.zeros(0, dtype=torch.int64, device=weight.device)
        )


def is_lazy(recipe: Recipe, parts: int) -> bool:
    """Tell whether word vectors take lazy steps: by Adam, without a penalty, and where a step is read at once.

    parts: in which the rows of a step are read at least. Of several, whole gradients are added in their order, which
    gives the same bits wherever the parts are read.
    """
    of = recipe.regularisation
    # a penalty has a gradient for every row, and a loss that is scaled is looked through for numbers that are none
    whole = recipe.whole or of.l1 or of.l2 or recipe.precision == "float16"
    return recipe.optimiser.name in _LAZY and parts == 1 and not whole


def tables(network: Network) -> Iterator[nn.Embedding]:
    """Yield the tables of word vectors that learn."""
    for place in range(len(network.encoders)):
        words = network.encoder(place).words()
        if isinstance(words, nn.Embedding) and words.weight.requires_grad:
            yield words
