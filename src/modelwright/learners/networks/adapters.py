"""Low-rank adapters beside the layers of a pretrained encoder (LoRA, Hu et al. 2022), by PEFT.

A layer's matrix W stays as it is, and beside it B · A is learned, of a low rank; in the end they are added up, so that
what is exported is a network like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.networks.network import Network


def insert(network: Network, rank: int, alpha: float, from_layer: int = 0) -> int:
    """Put adapters beside all linear layers of the encoders that have layers, and return how many.

    Of an encoder, only its adapters learn from then on. alpha: W + alpha / rank · B · A is computed; from_layer: the
    lowest layer with adapters. Drawn from torch's generator.
    """
    count = 0
    for place in range(len(network.encoders)):
        encoder = network.encoder(place)
        count += insert_into(encoder, encoder.layers()[from_layer:], rank, alpha)
    return count


def insert_into(model: nn.Module, layers: Iterable[nn.Module], rank: int, alpha: float) -> int:
    """Put adapters beside all linear layers within some layers of a model, and return how many.

    Of the model, only its adapters learn from then on, where there are any. Raises ProjectError for a rank that none
    of the layers has.
    """
    names = {module: name for name, module in model.named_modules()}
    found = [one for layer in layers for one in layer.modules() if isinstance(one, nn.Linear)]
    linear = [names[one] for one in found]
    if linear:
        # B (out, rank) · A (rank, in) has at most the rank of W (out, in)
        most = max(min(one.in_features, one.out_features) for one in found)
        if rank > most:
            raise ProjectError(Problem("finetune.adapter-rank", rank=rank, most=most))
        # B begins at 0, so that the first answers are those of the pretrained weights
        config = LoraConfig(r=rank, lora_alpha=cast("int", alpha), target_modules=linear)
        inject_adapter_in_model(config, model)
    return len(linear)


def merge(model: nn.Module) -> None:
    """Add the adapters to the weights beside which they stand, and take them out."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LoraLayer):
                child.merge()
                setattr(module, name, child.get_base_layer())
