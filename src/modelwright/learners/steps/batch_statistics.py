"""Statistics of normalisations where the rows of a step are read in parts, one after another or by several processes.

What a layer that normalises by the batch sees of a part follows from that part alone. So it is taken down beside the
layer, and the running averages follow from it in the order of the parts, whoever read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@dataclass
class Seen:
    """What the layers saw of a part: for each its mean and variance, side by side (2, width); None: it saw none."""

    of_layers: list[Tensor | None] = field(default_factory=list)


class BatchStatistics:
    """The layers of a network that keep running averages of mean and variance."""

    def __init__(self, network: nn.Module) -> None:
        self._layers = [
            one for one in network.modules() if isinstance(one, _BatchNorm) and one.running_mean is not None
        ]

    @property
    def widths(self) -> list[int]:
        """Return the numbers that each layer normalises."""
        return [one.num_features for one in self._layers]

    @contextmanager
    def of_part(self) -> Iterator[Seen]:
        """Take down what the layers see within the block; their running averages stay as they were."""
        seen = Seen()
        before = [[values.clone() for values in _kept(one)] for one in self._layers]
        momenta = [one.momentum for one in self._layers]
        for one in self._layers:
            # running ← 0 · running + 1 · seen: exactly what was seen
            one.momentum = 1.0
        try:
            yield seen
        finally:
            for one, kept, momentum in zip(self._layers, before, momenta, strict=True):
                mean, variance, count = _kept(one)
                touched = bool(count != kept[2])
                seen.of_layers.append(torch.stack([mean, variance]) if touched else None)
                for values, old in zip(_kept(one), kept, strict=True):
                    values.copy_(old)
                one.momentum = momentum

    def add(self, seen: Seen) -> None:
        """Let the running averages follow what was seen of a part."""
        for one, found in zip(self._layers, seen.of_layers, strict=True):
            if found is None:
                continue
            mean, variance, count = _kept(one)
            count.add_(1)
            # running ← (1 - m) · running + m · seen; without a momentum, the plain mean of all
            share = 1.0 / float(count) if one.momentum is None else one.momentum
            mean.lerp_(found[0], share)
            variance.lerp_(found[1], share)


def _kept(layer: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    mean, variance, count = layer.running_mean, layer.running_var, layer.num_batches_tracked
    assert mean is not None
    assert variance is not None
    assert count is not None
    return mean, variance, count
