"""Encoders of codes: a column or a vector each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks.encoder_options import EmbeddingOptions
from modelwright.learners.networks.encoders.contract import Encoder, ScratchType

# Up to this many codes each gets a column of its own; beyond, codes share the columns of an embedding.
MOST_COLUMNS = 256
EMBEDDING_WIDTH = 64


@final
class OneHotEncoder(Encoder):
    """A code: one column each, also for the one that means missing or unseen."""

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.width = codes

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, codes) of int64 indices (batch,)."""
        # (batch, 1) == (codes,) → (batch, codes): a code out of range is a row of zeros, not an error
        columns = torch.arange(self.width, device=index.device)
        return (index.unsqueeze(-1) == columns).to(torch.float32)


@final
class EmbeddingEncoder(Encoder):
    """A code of many: a vector each; frozen, it is a random projection of one-hot columns.

    Distances survive such a projection (Johnson and Lindenstrauss 1984), so a linear head can still tell codes apart.
    """

    def __init__(self, codes: int, width: int = EMBEDDING_WIDTH) -> None:
        super().__init__()
        self.width = width
        self.table = nn.Embedding(codes, width)

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, width) of int64 indices (batch,)."""
        vectors: Tensor = self.table(index)
        return vectors


@final
class Columns(ScratchType):
    """A column a code, or shared ones where there are many; nothing of it is learned in a probe."""

    name: ClassVar[str] = "columns"
    forms: ClassVar[frozenset[Form]] = frozenset({Form.CODE})

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return how many codes there are."""
        return {"codes": codes_of(specs)}

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        codes = config["codes"]
        assert isinstance(codes, int)
        return OneHotEncoder(codes) if codes <= MOST_COLUMNS else EmbeddingEncoder(codes)


@final
class Embedding(ScratchType):
    """A learned vector a code."""

    name: ClassVar[str] = "embedding"
    forms: ClassVar[frozenset[Form]] = frozenset({Form.CODE})

    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return how many codes there are, and the numbers of each."""
        codes = codes_of(specs)
        given = EmbeddingOptions.model_validate(options)
        # 1.6 · codes^0.56, the rule of thumb of fastai's tabular models
        width = given.width or min(EMBEDDING_WIDTH, math.ceil(1.6 * codes**0.56))
        return {"codes": codes, "width": width}

    def build(self, config: JsonObject) -> Encoder:
        """Return the encoder."""
        codes, width = config["codes"], config["width"]
        assert isinstance(codes, int)
        assert isinstance(width, int)
        return EmbeddingEncoder(codes, width)


def codes_of(specs: Mapping[str, ArraySpec]) -> int:
    """Return how many codes an input has."""
    codes = specs["index"].codes
    assert codes is not None, "an array of codes says how many there are"
    return codes
