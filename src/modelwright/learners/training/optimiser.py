"""AdamW with a rate for every layer, and the schedule of the rates."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from modelwright.learners.networks.network import Network
from modelwright.learners.training.recipe import Recipe, Schedule

# β₂ below PyTorch's 0.999 forgets sooner: a fine-tuning has hundreds of steps, not hundreds of thousands.
_BETAS, _EPSILON = (0.9, 0.98), 1e-6
_CYCLE_RISES = 0.3  # of the steps of one cycle


def adamw(
    network: Network, weights: Mapping[str, nn.Parameter], recipe: Recipe
) -> tuple[torch.optim.AdamW, list[float]]:
    """Return AdamW (Loshchilov and Hutter 2019) and the peak rate of each of its groups.

    Biases and norms (one axis) are not decayed: they are few, and to shrink them changes what a layer gives.
    """
    depths = _depths(network)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        # rate · decay^(layers above it): low layers hold what all inputs share (Howard and Ruder 2018, section 3.2);
        # the word vectors, in no layer, learn slowest
        pretrained_rate = recipe.learning_rate * recipe.layer_decay ** depths.get(name, 0)
        rate = pretrained_rate if name in depths else recipe.head_rate
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


def rate_share(step: int, steps: int, warmup: float, schedule: Schedule = "linear") -> float:
    """Return the share of the peak rate, in (0, 1], of a step counted from 0.

    It rises over warmup · steps and falls to 0 one step after the last: linearly, or along a half cosine (Loshchilov
    and Hutter 2017); `one-cycle` rises along one, too, over at least 30 % of the steps (Smith and Topin 2019).
    """
    # counted from 1 while rising, so that the first step already learns; + 1, so that the last one does
    rising = (max(warmup, _CYCLE_RISES) if schedule == "one-cycle" else warmup) * steps
    up = min(1.0, (step + 1) / rising) if rising else 1.0
    down = min(1.0, (steps - step) / (steps - rising + 1))
    if schedule == "linear":
        return min(up, down)
    # (1 - cos(π · share)) / 2 goes from 0 to 1 and is flat at both ends
    smooth_down = (1.0 - math.cos(math.pi * down)) / 2
    return min((1.0 - math.cos(math.pi * up)) / 2 if schedule == "one-cycle" else up, smooth_down)


def _depths(network: Network) -> dict[str, float]:
    """Return how far below the top each weight of the encoders with layers lies; of others, nothing.

    The top layer has 0; what lies in no layer (embeddings) has one more than the lowest layer.
    """
    found: dict[str, float] = {}
    names = {weight: name for name, weight in network.named_parameters()}
    for place in range(len(network.encoders)):
        encoder = network.encoder(place)
        layers = encoder.layers()
        if not layers:
            continue
        found |= {names[weight]: len(layers) for weight in encoder.parameters()}
        for number, layer in enumerate(layers, start=1):
            found |= {names[weight]: len(layers) - number for weight in layer.parameters()}
    return found
