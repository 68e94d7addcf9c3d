"""Combiners: make the features of all inputs one vector per row.

A part is what one input's encoder gives, (batch, width of the part); all columns of a table may be one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.core.json_types import JsonObject
from modelwright.learners.networks.encoders.layers import AttentionLayer


class Combiner(nn.Module):
    """Abstract: a subclass sets `width` and takes the parts in `forward`."""

    width: int


@final
class Concatenate(Combiner):
    """Puts the features side by side, and beside them a layer over all of them, where it has a width."""

    def __init__(self, widths: Sequence[int], hidden: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden: nn.Module | None = None
        if hidden:
            self.hidden = nn.Sequential(nn.Linear(sum(widths), hidden), nn.ReLU(), nn.Dropout(dropout))
        self.width = sum(widths) + hidden

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, width) of parts (batch, width of the part)."""
        beside = parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=-1)
        return beside if self.hidden is None else torch.cat([beside, self.hidden(beside)], dim=-1)


@final
class Compare(Combiner):
    """Puts the features side by side, and beside them how far two parts are apart and what they share.

    A line over |u - v| and u · v tells texts that mean the same from others, and one over u and v does not (Conneau et
    al. 2017, section 3.1).
    """

    def __init__(self, widths: Sequence[int], compared: tuple[int, int]) -> None:
        super().__init__()
        self.compared = compared
        self.width = sum(widths) + 2 * widths[compared[0]]

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, width) of parts (batch, width of the part), of which the compared ones are equally wide."""
        one, other = (parts[place] for place in self.compared)
        return torch.cat([*parts, (one - other).abs(), one * other], dim=-1)


@final
class Cosine(Combiner):
    """The cosine of two parts, and nothing else of them: (batch, 1)."""

    def __init__(self, compared: tuple[int, int]) -> None:
        super().__init__()
        self.compared = compared
        self.width = 1

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, 1) of parts (batch, width of the part), of which the compared ones are equally wide."""
        one, other = (functional.normalize(parts[place], dim=-1) for place in self.compared)
        return (one * other).sum(dim=-1, keepdim=True)


class _Lifted(Combiner):
    """Brings every part to one width. Abstract."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lifts = nn.ModuleList([nn.Sequential(nn.Linear(one, width), nn.ReLU()) for one in widths])

    def lifted(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, parts, width)."""
        return torch.stack([lift(part) for lift, part in zip(self.lifts, parts, strict=True)], dim=1)


@final
class Attend(_Lifted):
    """A layer of attention in which every part reads the others, and their mean (Vaswani et al. 2017)."""

    def __init__(self, widths: Sequence[int], width: int, dropout: float) -> None:
        super().__init__(widths, width)
        self.width = width
        self.places = nn.Parameter(torch.randn(len(widths), width) * 0.02)
        self.layer = AttentionLayer(width, 4, dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, width) of parts (batch, width of the part)."""
        x = self.lifted(parts) + self.places  # (batch, parts, width)
        mixed: Tensor = self.norm(self.layer(x, torch.ones_like(x[:, :, 0]))).mean(dim=1)
        return mixed


@final
class Gate(_Lifted):
    """A weighted mean of the parts, whose weights follow from all of them (Arevalo et al. 2017)."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__(widths, width)
        self.width = width
        self.gate = nn.Linear(width * len(widths), len(widths))

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, width) of parts (batch, width of the part)."""
        x = self.lifted(parts)  # (batch, parts, width)
        weights = self.gate(x.flatten(1)).softmax(dim=-1)  # (batch, parts)
        mixed: Tensor = (x * weights.unsqueeze(-1)).sum(dim=1)
        return mixed


@final
class Sum(_Lifted):
    """Keeps the parts apart, so that a linear head adds up what each input answers by itself."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__(widths, width)
        self.width = width * len(widths)

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """Return (batch, parts · width) of parts (batch, width of the part)."""
        return self.lifted(parts).flatten(1)


def build(config: JsonObject, widths: Sequence[int]) -> Combiner:
    """Return the combiner of a configuration for parts of these widths."""
    width, dropout = cast("int", config.get("width", 0)), cast("float", config.get("dropout", 0.0))
    match config["type"]:
        case "concatenate":
            return Concatenate(widths, width, dropout)
        case "compare":
            one, other = cast("Sequence[int]", config["compared"])
            return Compare(widths, (one, other))
        case "cosine":
            one, other = cast("Sequence[int]", config["compared"])
            return Cosine((one, other))
        case "attention":
            return Attend(widths, width, dropout)
        case "gating":
            return Gate(widths, width)
        case "sum":
            return Sum(widths, width)
        case other:
            raise AssertionError(f"no combiner {other}")
