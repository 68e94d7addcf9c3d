"""Encoders: one an input, chosen by its kind. Each turns an input's arrays into features (batch, width)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from modelwright.core.signature import Field

# Up to this many classes each gets a column of its own; beyond, classes share the columns of an embedding.
MOST_COLUMNS = 256
EMBEDDING_WIDTH = 64


class TextEncoder(nn.Module):
    """A pretrained transformer and how its tokens become one vector; all text inputs share it.

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
        transformer: Any = self.transformer
        table: nn.Module = transformer.get_input_embeddings()
        return table

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (batch, width) of ids and mask, int64 (batch, length)."""
        tokens: Tensor = self.transformer(input_ids=ids, attention_mask=mask, return_dict=False)[0]
        if self.pooling == "first":
            return tokens[:, 0]
        weights = mask.unsqueeze(-1).to(tokens.dtype)
        return (tokens * weights).sum(1) / weights.sum(1)


class OneHotEncoder(nn.Module):
    """A category: one column a class; a missing or unseen class has a column too."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.width = classes + 1

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, classes + 1) of int64 indices (batch,)."""
        columns = torch.arange(self.width, device=index.device)
        return (index.unsqueeze(-1) == columns).to(torch.float32)


class EmbeddingEncoder(nn.Module):
    """A category with many classes: a vector a class; frozen, it is a random projection of one-hot columns."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.width = EMBEDDING_WIDTH
        self.table = nn.Embedding(classes + 1, EMBEDDING_WIDTH)

    def forward(self, index: Tensor) -> Tensor:
        """Return (batch, EMBEDDING_WIDTH) of int64 indices (batch,)."""
        vectors: Tensor = self.table(index)
        return vectors


class ValueEncoder(nn.Module):
    """A number or a truth value: its value, and whether it is missing."""

    width = 2

    def forward(self, value: Tensor, missing: Tensor) -> Tensor:
        """Return (batch, 2) of two float32 (batch,)."""
        return torch.stack([value, missing], dim=-1)


Encoder = TextEncoder | OneHotEncoder | EmbeddingEncoder | ValueEncoder
# kind → the arrays that its encoder takes, in the order in which it takes them
ARRAYS: dict[str, tuple[str, ...]] = {
    "text": ("ids", "mask"),
    "category": ("index",),
    "number": ("value", "missing"),
    "boolean": ("value", "missing"),
}


def build(field: Field, state: Any, text: TextEncoder) -> Encoder:
    """Return the encoder of an input; `text` is the one that all text inputs share."""
    match field.kind:
        case "text":
            return text
        case "category":
            classes = len(state.classes)
            return OneHotEncoder(classes) if classes < MOST_COLUMNS else EmbeddingEncoder(classes)
        case "number" | "boolean":
            return ValueEncoder()
        case _:
            raise AssertionError(f"no encoder for {field}")
