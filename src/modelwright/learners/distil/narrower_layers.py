"""Layers of a pretrained encoder with fewer channels within: a student takes those that tell most.

Between its two linear layers a block of a transformer has channels that nothing else reads. Those that stay, and what
the second layer makes of them, are chosen as `compressing.channels` does for graphs; here the student learns further.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.compressing.kept_channels import from_those_kept, left_of, those_kept
from modelwright.learners.distil import pretrained_layers
from modelwright.learners.distil.pretrained_layers import OF_TEXTS
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import StartingPoint
from modelwright.storage.formats.examples import Examples

_CHANNELS = "intermediate_size"  # of a configuration
_READ = 256  # training rows that tell which channels stay


def narrow(signature: Signature, begin: StartingPoint, share: float, train: Examples) -> StartingPoint:
    """Return the network with a share of the channels in each layer of its pretrained encoders.

    Raises ProjectError for an encoder whose layers have no such block.
    """
    some = np.unique(np.linspace(0, len(train) - 1, min(_READ, len(train))).astype(np.int64))
    rows = EncodedRows(
        signature,
        begin.states,
        {name: [column[row] for row in some] for name, column in train.columns.items()},
    )
    planned, kept = list(begin.network.plan.encoders), {}
    for place in pretrained_layers.places(begin.network.plan):
        encoder = begin.network.encoder(place)
        config: Any = planned[place].config.get(OF_TEXTS) or {}
        channels = config.get(_CHANNELS)
        layers = encoder.layers()
        blocks = [found for layer in layers if (found := _block(layer, channels)) is not None]
        if not layers or len(blocks) < len(layers):
            raise ProjectError(Problem("distil.no-channels", share=share).at("model.feed_forward"))
        left = left_of(channels, 1.0 - share)
        squares = _products(begin.network, rows, [second for _, second in blocks])
        for (first, second), square in zip(blocks, squares, strict=True):
            cut(first, second, square, left)
        planned[place] = replace(
            planned[place], config={**planned[place].config, OF_TEXTS: {**config, _CHANNELS: left}}
        )
        kept[place] = encoder
    plan = replace(begin.network.plan, encoders=tuple(planned))
    return replace(begin, network=Network(signature, begin.states, plan, kept))


def _block(layer: nn.Module, channels: object) -> tuple[nn.Linear, nn.Linear] | None:
    """Return the linear layer that makes the channels and the one that reads them; None where a layer has none."""
    linear = [one for one in layer.modules() if isinstance(one, nn.Linear)]
    make = [one for one in linear if one.out_features == channels and one.in_features != channels]
    read = [one for one in linear if one.in_features == channels and one.out_features != channels]
    # gates make as many channels beside these, and would have to lose the same
    return (make[0], read[0]) if len(make) == len(read) == 1 else None


def _products(network: Network, rows: EncodedRows, readers: list[nn.Linear]) -> list[NDArray[np.float64]]:
    """Return for each reader the products of its channels with each other over rows, (channels, channels)."""
    sums = [np.zeros((one.in_features, one.in_features)) for one in readers]

    def hooked(place: int) -> Any:
        def add(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            # one row at a time, so that no padding is counted: (1, length, channels) → (length, channels)
            flat = given[0].reshape(-1, given[0].shape[-1]).double().numpy()
            sums[place] += flat.T @ flat

        return add

    hooks = [one.register_forward_pre_hook(hooked(place)) for place, one in enumerate(readers)]
    try:
        network.eval()
        with torch.no_grad():
            for row in range(len(rows)):
                network(rows.arrays(np.array([row])))
    finally:
        for hook in hooks:
            hook.remove()
    return sums


def cut(first: nn.Linear, second: nn.Linear, square: NDArray[np.float64], left: int) -> None:
    """Leave so many channels between two layers, in place."""
    weights = second.weight.detach().double().numpy()  # (width, channels)
    size = np.square(weights).sum(axis=0)  # (channels,)
    kept = those_kept(square * np.sqrt(np.outer(size, size)), left)
    mixed = from_those_kept(square, kept)  # (kept, channels)
    with torch.no_grad():
        second.weight = nn.Parameter(torch.from_numpy((weights @ mixed.T).astype(np.float32)))
        first.weight = nn.Parameter(first.weight[kept].clone())
        if first.bias is not None:
            first.bias = nn.Parameter(first.bias[kept].clone())
    first.out_features = second.in_features = left
