"""The combiner: makes the features of all inputs one vector per row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Concatenate(nn.Module):
    """Puts the features side by side, in the order of the inputs."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.width = sum(widths)

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, width) of parts (batch, width of the part)."""
        return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=-1)
