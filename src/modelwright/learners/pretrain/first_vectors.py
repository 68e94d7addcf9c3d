"""Vectors that tokens begin with: words that share letters are near each other, and rare ones count for more.

Shapes: v tokens of a vocabulary, g groups of letters, w the width of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from modelwright.learners.networks.encoders.contract import Encoder
from modelwright.learners.networks.encoders.words import AttentionOverTokens, WordsEncoder

_LETTERS = (3, 4, 5)  # of a group
_LEAST_RARITY = 0.05  # of a token that nearly every text has


def begin(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[object]) -> None:
    """Set what the tokens of an encoder from scratch begin with; one without a table stays as it is.

    Draws from torch's generator. texts: what it is pretrained on; what is no text is left out.
    """
    if not isinstance(encoder, WordsEncoder | AttentionOverTokens):
        return
    tokens = [tokenizer.id_to_token(one) or "" for one in range(tokenizer.get_vocab_size())]
    with torch.no_grad():
        encoder.table.weight.copy_(_of_letters(tokens, encoder.table))
        if isinstance(encoder, WordsEncoder) and encoder.importance is not None:
            of_texts = tokenizer.encode_batch([one for one in texts if isinstance(one, str)])
            rare = rarity(len(tokens), [one.ids for one in of_texts])
            encoder.importance.weight.copy_(torch.from_numpy(np.log(rare)).unsqueeze(1))


def rarity(tokens: int, texts: Sequence[Sequence[int]]) -> np.ndarray:
    """Return how rare each token is among texts of token ids, (v,): log((1 + texts) / (1 + texts that have it)).

    The inverse document frequency (Sparck Jones 1972), above 0.
    """
    having = np.zeros(tokens)
    for ids in texts:
        having[list(set(ids))] += 1
    return np.maximum(np.log((1 + len(texts)) / (1 + having)), _LEAST_RARITY)


def _of_letters(tokens: Sequence[str], table: nn.Embedding) -> torch.Tensor:
    """Return vectors (v, w) of the deviation that the table has: each the sum of a token's own and its groups'.

    After Bojanowski et al. 2017, section 3.2, of which only the beginning is taken: each vector then learns alone.
    """
    known: dict[str, int] = {}
    groups = [[known.setdefault(one, len(known)) for one in _groups(token)] for token in tokens]
    drawn = torch.randn(len(known), table.embedding_dim) * table.weight.std()  # (g, w)
    sizes = torch.tensor([len(one) for one in groups])
    begins = sizes.cumsum(0) - sizes
    flat = torch.tensor([place for one in groups for place in one])
    # by the root of their number, so that a sum of independent vectors has the deviation of one
    return functional.embedding_bag(flat, drawn, begins, mode="sum") / sizes.sqrt().unsqueeze(1)


def _groups(token: str) -> list[str]:
    """Return a token, and the groups of letters in it; its first and last letter are marked as such."""
    marked = f"<{token}>"
    inside = [marked[at : at + size] for size in _LETTERS for at in range(len(marked) - size + 1)]
    return [f"token {token}", *inside]
