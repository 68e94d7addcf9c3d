"""What inputs have in common, position by position: soft alignment, comparison, and what comes of it for each pair.

Every position of one input (a token of a text) reads the positions of the other that are most like it, and is compared
with what it read (Parikh et al. 2016, "A decomposable attention model for natural language inference"). Two texts that
ask the same in other words are told from two that share words by what finds no like in the other.

Shapes: n rows of a batch; a and b positions of two inputs, d numbers of a position.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelwright.learners.networks.encoders.contract import Positions
from modelwright.learners.networks.encoders.layers import masked_mean, masked_most

_SHARPNESS = (
    10.0  # of the alignment at the start: cosines lie from -1 to 1, and a softmax of those is all but even
)


class Matching(nn.Module):
    """Compares every two of several inputs; `width`: of what it gives for all pairs together, (n, width).

    widths: of a position of each input; readers: what reads each, by place: inputs with one reader are brought to
    one width by one layer, so that equal positions stay equal; width: of that layer, and of what is compared.
    """

    def __init__(self, widths: Sequence[int], readers: Sequence[int], width: int, dropout: float) -> None:
        super().__init__()
        self.readers = [sorted(set(readers)).index(one) for one in readers]
        by_reader = dict(zip(self.readers, widths, strict=True))
        self.lifts = nn.ModuleList(
            [nn.Linear(by_reader[one], width, bias=False) for one in sorted(by_reader)]
        )
        self.dropout = nn.Dropout(dropout)
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))
        self.compare = nn.Sequential(nn.Linear(4 * width, width), nn.ReLU(), nn.Dropout(dropout))
        self.pairs = list(combinations(range(len(widths)), 2))
        # of a pair: the sum, the difference and its size, of the mean and the largest of each side
        self.width = len(self.pairs) * 6 * width

    def forward(self, inputs: Sequence[Positions]) -> Tensor:
        """Return (n, width) of the positions of all inputs."""
        lifted = [
            self.lifts[reader](self.dropout(one.values))
            for reader, one in zip(self.readers, inputs, strict=True)
        ]
        found = []
        for left, right in self.pairs:
            one, other = self._sides(lifted[left], inputs[left].there, lifted[right], inputs[right].there)
            found += [one + other, one - other, (one - other).abs()]
        return torch.cat(found, dim=-1)

    def _sides(
        self, one: Tensor, one_there: Tensor, other: Tensor, other_there: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what each side has of the other, (n, 2 · d) each; values (n, a or b, d), there (n, a or b)."""
        # (n, a, b): cosines, so that how frequent a token is does not decide what is aligned
        alike = functional.normalize(one, dim=-1) @ functional.normalize(other, dim=-1).transpose(1, 2)
        alike = alike * self.sharpness
        return (
            self._side(one, one_there, alike, other, other_there),
            self._side(other, other_there, alike.transpose(1, 2), one, one_there),
        )

    def _side(self, own: Tensor, there: Tensor, alike: Tensor, other: Tensor, other_there: Tensor) -> Tensor:
        """Return the mean and the largest of how positions (n, a, d) compare with what they read: (n, 2 · d)."""
        # what is not there is read by none: a large negative score has weight 0 after the softmax
        scores = alike + (other_there[:, None, :] - 1.0) * 1e4
        read = scores.softmax(dim=-1) @ other  # (n, a, d)
        compared = self.compare(torch.cat([own, read, (own - read).abs(), own * read], dim=-1))
        return torch.cat([masked_mean(compared, there), masked_most(compared, there)], dim=-1)
