"""A loss that is scaled, so that gradients in float16 are not too small for it (Micikevicius et al. 2018, section 3.2).

Its smallest number is 6e-8: a loss of 65,536 times the size has gradients of as many times, which are divided again in
float32. Where one is too large then, the step is taken again with half of the scale.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

_FIRST = 65536.0
_DOUBLED_AFTER = 2000  # steps in a row whose gradients were finite


@dataclass
class Scaling:
    """By what a loss is multiplied, and the steps since that last changed; needed: whether numbers are float16."""

    scale: float = 1.0
    steps: int = 0
    needed: bool = False

    @classmethod
    def of(cls, precision: str) -> Scaling:
        """Return the scale to begin with."""
        return cls(_FIRST, needed=True) if precision == "float16" else cls()

    def undo(self, weights: Iterable[Tensor]) -> bool:
        """Divide the gradients by the scale; tell whether all were finite. If not, the scale is half of what it was."""
        if not self.needed:
            return True  # float32, or bfloat16, whose numbers are as small
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        # one sum for all: it is finite only where every number is
        if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            self.scale, self.steps = self.scale / 2, 0
            return False
        for gradient in gradients:
            gradient.div_(self.scale)
        self.steps += 1
        if self.steps >= _DOUBLED_AFTER:
            self.scale, self.steps = self.scale * 2, 0
        return True
