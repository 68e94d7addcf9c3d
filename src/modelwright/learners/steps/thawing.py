"""Gradual unfreezing: the layers of a pretrained encoder begin to learn one after another, from the top.

Howard and Ruder 2018, section 3.2: what all inputs share lies low, and is forgotten when all layers learn at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.network import Network
from modelwright.learners.steps.optimiser import depths


def first_steps(
    network: Network, weights: Mapping[str, nn.Parameter], recipe: Recipe, steps: int
) -> dict[str, int]:
    """Return the step from which each weight of the encoders' layers learns; nothing where all learn from the first.

    The layers begin at even distances, and the lowest of them (or the embeddings below) after the share `unfreeze` of
    all steps. Heads, and what is learned from scratch, learn from the first step.
    """
    if not recipe.unfreeze:
        return {}
    depth = {name: found for name, found in depths(network).items() if name in weights}
    lowest = max(depth.values(), default=0.0)
    return {
        name: round(recipe.unfreeze * steps * (found + 1.0) / (lowest + 1.0)) for name, found in depth.items()
    }


def apply(weights: Mapping[str, nn.Parameter], first: Mapping[str, int], step: int) -> None:
    """Let the weights learn that do so in this step; the others take no gradient, which saves its time."""
    for name, begin in first.items():
        weights[name].requires_grad_(step >= begin)
