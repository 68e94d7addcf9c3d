"""Encoders: one per input, chosen by the form of its arrays. Each turns them into features (batch, width)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from modelwright.kinds.contract.common import ArraySpec, Form

# Up to this many codes each gets a column of its own; beyond, codes share the columns of an embedding.
MOST_COLUMNS = 256
EMBEDDING_WIDTH = 64


class TextEncoder(nn.Module):
    """A pretrained transformer and how its tokens become one vector; all inputs of tokens share it.

    `pooling`: `mean` of the tokens that are there (Reimers and Gurevych 2019, Sentence-BERT, section 3), or
    `first`, the vector of the first token.
    """

    def __init__(self, transformer: nn.Module, width: int, pooling: str) -> None:
        super().__init__()
        assert pooling in {"mean", "first"}
        self.transformer = transformer
        self.width = width
        self.pooling = pooling

    def words(self) -> nn.Module:
        """Return the table of word vectors."""
        return cast("nn.Module", self.transformer.get_input_embeddings())  # type: ignore[operator]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (batch, width) of ids and mask, int64 (batch, length)."""
        # (batch, length, width)
        tokens: Tensor = self.transformer(input_ids=ids, attention_mask=mask, return_dict=False)[0]
        if self.pooling == "first":
            return tokens[:, 0]
        # Padding has weight 0, so that a text has the same mean beside a longer one.
        weights = mask.unsqueeze(-1).to(tokens.dtype)  # (batch, length, 1)
        return (tokens * weights).sum(1) / weights.sum(1)


class OneHotEncoder(nn.Module):
    """A code: one column each, also for the one that means missing or unseen."""

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.width = codes

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, codes) of int64 indices (batch,)."""
        # (batch, 1) == (codes,) → (batch, codes): a code out of range is a row of zeros, not an error
        columns = torch.arange(self.width, device=index.device)
        return (index.unsqueeze(-1) == columns).to(torch.float32)


class EmbeddingEncoder(nn.Module):
    """A code of many: a vector each; frozen, it is a random projection of one-hot columns.

    Distances survive such a projection (Johnson and Lindenstrauss 1984), so a linear head can still tell codes apart.
    """

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.width = EMBEDDING_WIDTH
        self.table = nn.Embedding(codes, EMBEDDING_WIDTH)

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, EMBEDDING_WIDTH) of int64 indices (batch,)."""
        vectors: Tensor = self.table(index)
        return vectors


class ValueEncoder(nn.Module):
    """A scalar: its value, and whether it is missing."""

    width = 2

    def forward(self, value: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, 2) of two float32 (batch,)."""
        return torch.stack([value, missing], dim=-1)


class ValuesEncoder(nn.Module):
    """A vector, or the members of a set: its values side by side, and whether it is missing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.width = size + 1

    def forward(self, values: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, size + 1) of float32 (batch, size) and (batch,)."""
        return torch.cat([values, missing.unsqueeze(-1)], dim=-1)


Encoder = TextEncoder | OneHotEncoder | EmbeddingEncoder | ValueEncoder | ValuesEncoder
ARRAYS: Mapping[Form, tuple[str, ...]] = {
    Form.TOKENS: ("ids", "mask"),
    Form.CODE: ("index",),
    Form.SCALAR: ("value", "missing"),
    Form.VECTOR: ("values", "missing"),
    Form.SET: ("members", "missing"),
}
"""Form → the arrays that its encoder takes, in the order in which it takes them."""


def build(form: Form, specs: Mapping[str, ArraySpec], text: TextEncoder) -> Encoder:
    """Return the encoder of an input whose arrays have these specs; `text` is the one that tokens share."""
    match form:
        case Form.TOKENS:
            return text
        case Form.CODE:
            codes = specs["index"].codes
            assert codes is not None, "an array of codes says how many there are"
            return OneHotEncoder(codes) if codes <= MOST_COLUMNS else EmbeddingEncoder(codes)
        case Form.SCALAR:
            return ValueEncoder()
        case Form.VECTOR | Form.SET:
            return ValuesEncoder(size_of(specs[ARRAYS[form][0]]))
        case _:
            raise AssertionError(f"no encoder for {form}")


def size_of(spec: ArraySpec) -> int:
    """Return the columns of an array (batch, columns)."""
    _, columns = spec.shape
    assert isinstance(columns, int), f"an array of {spec.shape} has no fixed width"
    return columns
