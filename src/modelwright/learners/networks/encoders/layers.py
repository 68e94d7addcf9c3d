"""Layers that encoders share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.learners.contract.steps import Normalisation


def mlp(
    width: int, hidden: int, layers: int, dropout: float, normalisation: Normalisation = "batch"
) -> nn.Sequential:
    """Return layers (batch, width) → (batch, hidden).

    Each number of a layer is normalised over the batch (`batch`, Ioffe and Szegedy 2015), or a row over the numbers of
    the layer (`layer`, Ba et al. 2016), which no other row moves.
    """
    found: list[nn.Module] = []
    for number in range(layers):
        # a normalisation has a bias of its own
        found.append(nn.Linear(hidden if number else width, hidden, bias=normalisation == "none"))
        if normalisation != "none":
            found.append(nn.BatchNorm1d(hidden) if normalisation == "batch" else nn.LayerNorm(hidden))
        found += [nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*found)


class Standard(nn.Module):
    """Standardises each number of vectors over those of a batch that are there (Ioffe and Szegedy 2015), not over what
    fills up a batch; it answers with the statistics of training.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, values: Tensor, there: Tensor | None = None) -> Tensor:
        """Return (…, width) of values (…, width), which are there where (…) is true; None: everywhere."""
        norm = self.norm
        if self.training:
            chosen = torch.ones_like(values[..., 0], dtype=torch.bool) if there is None else there
            # one vector has no deviation, and a batch without any no mean
            if int(chosen.sum()) > 1:
                found = torch.zeros_like(values)
                found[chosen] = norm(values[chosen]).to(found.dtype)
                return found
        flat = values.reshape(-1, values.shape[-1])
        found = functional.batch_norm(
            flat, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
        return found.reshape(values.shape)


class AttentionLayer(nn.Module):
    """A layer of a transformer that normalises before it attends (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Return (batch, length, width) of positions (batch, length, width); `there` float (batch, length), 0 or 1."""
        batch, length, width = x.shape
        # (batch, length, 3 · width) → three of (batch, heads, length, width / heads)
        parts = self.attend(self.before(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) / (width // self.heads) ** 0.5
        # what is not there is no key: a large negative score has weight 0 after the softmax
        scores = scores + (there[:, None, None, :] - 1.0) * 1e4
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(batch, length, width)
        x = x + self.dropout(self.out(mixed))
        out: Tensor = x + self.dropout(self.feed(self.between(x)))
        return out


def masked_mean(x: Tensor, there: Tensor) -> Tensor:
    """Return the mean (batch, width) of x (batch, length, width) where `there` (batch, length) is 1."""
    weights = there.unsqueeze(-1)  # (batch, length, 1)
    return (x * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def masked_most(x: Tensor, there: Tensor) -> Tensor:
    """Return the largest over positions, (batch, width); 0 where there is no position."""
    # what is not there is 0, and cannot be the largest; below 0 an activation says that nothing was found
    return functional.relu(x * there.unsqueeze(-1)).amax(dim=1)


def padded_front(x: Tensor, multiple: int) -> Tensor:
    """Return x (batch, time, channels) with zeros before it, so that its time is a multiple."""
    lack = -x.shape[1] % multiple
    return functional.pad(x, (0, 0, lack, 0)) if lack else x
