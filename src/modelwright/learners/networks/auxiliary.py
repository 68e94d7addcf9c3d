"""Auxiliary heads: what each part answers by itself, while a network of several learns.

They are packaged where inputs may be missing: where one part is left, it answers by itself.

Of parts that are learned together, the one that learns soonest explains what it can, and leaves little for the others
to learn from, though they could say more (Wang et al. 2020, "What makes training multi-modal classification networks
hard?"). A loss of its own for each part keeps every encoder learning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from modelwright.learners.networks.heads import Head, Task


class AuxiliaryHeads(nn.Module):
    """A linear head for each part and output; widths: of the parts' features."""

    def __init__(self, widths: Sequence[int], tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.outputs = tuple(tasks)
        self.heads = nn.ModuleList(
            [nn.ModuleList([Head(width, task) for task in tasks.values()]) for width in widths]
        )

    def forward(self, parts: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """Return the arrays of all outputs for each part, of features (batch, width of the part)."""
        return [
            {
                name: head(part)
                for name, head in zip(self.outputs, cast("nn.ModuleList", of_part), strict=True)
            }
            for part, of_part in zip(parts, self.heads, strict=True)
        ]
