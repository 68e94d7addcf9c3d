"""Encoders of numbers as they are: a scalar, a vector, the members of a set, beside whether it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder, ScratchType, size_of


@final
class ValueEncoder(Encoder):
    """A scalar: its value, and whether it is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 2

    def forward(self, value: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, 2) of two float32 (batch,)."""
        return torch.stack([value, missing], dim=-1)


@final
class ValuesEncoder(Encoder):
    """A vector, or the members of a set: its values side by side, and whether it is missing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.width = size + 1

    def forward(self, values: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, size + 1) of float32 (batch, size) and (batch,)."""
        return torch.cat([values, missing.unsqueeze(-1)], dim=-1)


@final
class Plain(ScratchType):
    """Numbers as they are; there is nothing to learn in it."""

    name: ClassVar[str] = "plain"
    forms: ClassVar[frozenset[Form]] = frozenset({Form.SCALAR, Form.VECTOR, Form.SET})

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return how many numbers a row has, None of a scalar."""
        return {"size": None if form is Form.SCALAR else size_of(specs[ARRAYS[form][0]])}

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        size = config["size"]
        assert size is None or isinstance(size, int)
        return ValueEncoder() if size is None else ValuesEncoder(size)
