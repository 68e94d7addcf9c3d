"""Rows of a batch that are mixed in pairs with their truths: mixup and cutmix. Shapes: n rows of a batch.

Pictures are mixed as they are (Zhang et al. 2018; Yun et al. 2019); a text, a sound or the columns of a table as the
features that their encoders give (Verma et al. 2019), for half of a word is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.steps import RegularisationKeys
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.heads import Truths, at
from modelwright.learners.networks.network import Parts

_PIXELS = ARRAYS[Form.PIXELS][0]


@dataclass(frozen=True)
class Mix:
    """How the rows of a batch are mixed. The default mixes none.

    own: share of a row that is its own; others: which row the rest is of, int64 (n,); pictures: the inputs of pictures;
    box: of cutmix, the part of a picture that is the other's, (top, bottom, left, right) in shares of its sides.
    """

    own: float = 1.0
    others: Tensor | None = None
    pictures: frozenset[str] = frozenset()
    box: tuple[float, float, float, float] | None = None

    @classmethod
    def drawn(cls, keys: RegularisationKeys, signature: Signature, rows: int, seed: int) -> Self:
        """Return how a batch is mixed, as it follows from the seed alone; of both ways, either by chance."""
        pictures = frozenset(
            field.name for field in signature.inputs if kinds.arrays(field.kind).input_form is Form.PIXELS
        )
        ways = [("mixup", keys.mixup), ("cutmix", keys.cutmix if pictures else 0.0)]
        wanted = [(name, alpha) for name, alpha in ways if alpha > 0]
        if not wanted or rows < 2:
            return cls()
        generator = np.random.default_rng([seed, 3])
        name, alpha = wanted[int(generator.integers(len(wanted)))]
        own = float(generator.beta(alpha, alpha))
        others = torch.from_numpy(generator.permutation(rows))
        if name == "mixup":
            return cls(own, others, pictures)
        # a box of 1 - λ of the area, its middle anywhere; what lies outside is cut, and the share is what is left
        side, (row, column) = (1.0 - own) ** 0.5 / 2, generator.random(2)
        top, bottom, left, right = np.clip([row - side, row + side, column - side, column + side], 0.0, 1.0)
        box = (float(top), float(bottom), float(left), float(right))
        return cls(1.0 - float((bottom - top) * (right - left)), others, pictures, box)

    def of_parts(self, inputs: Sequence[Sequence[str]]) -> Self:
        """Return it for a network; inputs: of each part. A picture is mixed as it is where its part reads nothing else.

        Else its features are, for the share of a picture alone would be another than that of what stands beside it.
        """
        alone = {names[0] for names in inputs if len(names) == 1}
        return replace(self, pictures=self.pictures & alone)

    def arrays(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the arrays of a batch with its pictures mixed."""
        found = dict(arrays)
        for name in self.pictures:
            key = f"{name}.{_PIXELS}"
            if self.others is not None and key in found:  # one that was read before has features instead
                found[key] = self._picture(found[key])
        return found

    def _picture(self, pixels: Tensor) -> Tensor:
        """Return pictures (n, h, w, c), each mixed with another."""
        assert self.others is not None
        other = pixels[self.others]
        if self.box is None:
            # levels between two are between them: in numbers with fractions
            return self.own * pixels.to(torch.float32) + (1.0 - self.own) * other.to(torch.float32)
        (top, bottom), (left, right) = (
            [round(edge * size) for edge in edges]
            for edges, size in zip((self.box[:2], self.box[2:]), pixels.shape[1:3], strict=True)
        )
        found = pixels.clone()
        found[:, top:bottom, left:right] = other[:, top:bottom, left:right]
        return found

    def features(self, parts: Parts, inputs: Sequence[Sequence[str]], arrays: Mapping[str, Tensor]) -> Parts:
        """Return what was read, with the features of all parts mixed but of those whose pictures were.

        inputs: of each part.
        """
        if self.others is None:
            return parts
        mixed = [
            features
            if set(names) & self.pictures and all(f"{name}.{_PIXELS}" in arrays for name in names)
            else self.own * features + (1.0 - self.own) * features[self.others]
            for features, names in zip(parts.features, inputs, strict=True)
        ]
        return replace(parts, features=mixed)

    def truths(self, truths: Truths) -> Iterator[tuple[float, Truths]]:
        """Yield the truths of the rows and of those that they are mixed with, each with its share of the loss."""
        yield self.own, truths
        if self.others is not None:
            yield 1.0 - self.own, at(truths, self.others)
