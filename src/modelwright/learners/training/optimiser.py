"""AdamW with a rate for every layer, and the schedule of the rates."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from modelwright.learners.networks.network import Network
from modelwright.learners.training.recipe import Recipe

# β₂ below PyTorch's 0.999 forgets sooner: a fine-tuning has hundreds of steps, not hundreds of thousands.
_BETAS, _EPSILON = (0.9, 0.98), 1e-6


def adamw(
    network: Network, weights: Mapping[str, nn.Parameter], recipe: Recipe
) -> tuple[torch.optim.AdamW, list[float]]:
    """Return AdamW (Loshchilov and Hutter 2019) and the peak rate of each of its groups.

    Biases and norms (one axis) are not decayed: they are few, and to shrink them changes what a layer gives.
    """
    depth = _depths(network)
    top = max(depth.values(), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        if name.startswith("text."):
            # rate · decay^(top - layer): low layers hold what all texts share (Howard and Ruder 2018, section 3.2);
            # the word vectors, in no layer, learn slowest
            rate = recipe.learning_rate * recipe.layer_decay ** (top - depth.get(name, 0))
        else:
            rate = recipe.head_rate
        # only matrices; biases and norms are vectors
        decay = recipe.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(weight)
    optimiser = torch.optim.AdamW(
        [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()],
        betas=_BETAS,
        eps=_EPSILON,
        fused=True,
    )
    return optimiser, [rate for rate, _ in groups]


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate, in (0, 1], of a step counted from 0.

    It rises linearly over warmup · steps, and falls linearly to 0 one step after the last.
    """
    # counted from 1 while rising, so that the first step already learns; + 1, so that the last one does
    rising = warmup * steps
    return min((step + 1) / rising if rising else 1.0, (steps - step) / (steps - rising + 1))


def _depths(network: Network) -> dict[str, int]:
    """Return the layer of each weight of the transformer, from 1; what lies in none (embeddings) is left out."""
    stacks = [
        (name, module)
        for name, module in network.text.named_modules(prefix="text")
        if isinstance(module, nn.ModuleList)
    ]
    if not stacks:
        return {}
    # the longest list of modules is the stack of layers
    prefix, stack = max(stacks, key=lambda found: len(found[1]))
    return {
        f"{prefix}.{place}.{name}": place + 1
        for place, layer in enumerate(stack)
        for name, _ in layer.named_parameters()
    }
