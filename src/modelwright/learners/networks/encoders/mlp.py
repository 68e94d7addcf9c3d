"""Layers of its own for a number, a vector or a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoder_options import MlpOptions
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder, ScratchType, size_of
from modelwright.learners.networks.encoders.layers import mlp


@final
class MlpEncoder(Encoder):
    """Values and whether they are missing, through normalised layers."""

    def __init__(self, size: int, options: MlpOptions) -> None:
        super().__init__()
        self.width = options.width
        self.layers_ = mlp(size + 1, options.width, options.layers, options.dropout, options.normalisation)

    def forward(self, values: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, width) of float32 (batch, size) or (batch,), and (batch,)."""
        x = values if values.dim() > 1 else values.unsqueeze(-1)
        features: Tensor = self.layers_(torch.cat([x, missing.unsqueeze(-1)], dim=-1))
        return features


@final
class Mlp(ScratchType):
    """A multilayer perceptron of one input."""

    name: ClassVar[str] = "mlp"
    forms: ClassVar[frozenset[Form]] = frozenset({Form.SCALAR, Form.VECTOR, Form.SET})

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return the options, and how many numbers a row has."""
        size = 1 if form is Form.SCALAR else size_of(specs[ARRAYS[form][0]])
        return {"size": size, "options": MlpOptions.model_validate(options).model_dump(mode="json")}

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        size = config["size"]
        assert isinstance(size, int)
        return MlpEncoder(size, MlpOptions.model_validate(config["options"]))
