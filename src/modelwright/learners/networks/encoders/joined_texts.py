"""Several texts in one sequence, so that every token of one is read beside those of the others.

A text comes as its tokenizer puts it, [CLS] a [SEP]. Joined they are [CLS] a [SEP] b [SEP], as encoders were pretrained
on pairs (Devlin et al. 2019, section 3), with what fills rows up behind all of them. It is done with the tokens, in the
graph, so that a package of two texts takes the arrays of both, like any other.

Shapes: n rows of a batch, l tokens of the longest text of each, L of all joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor


def leading_tokens(tokenizer: bytes) -> int:
    """Return how many tokens a tokenizer puts before a text."""
    built = Tokenizer.from_str(tokenizer.decode())
    built.no_padding()
    built.no_truncation()
    alone = built.encode("a")
    return alone.sequence_ids.index(0) if 0 in alone.sequence_ids else 0


def joined(texts: Sequence[tuple[Tensor, Tensor]], leading: int) -> tuple[Tensor, Tensor]:
    """Return ids and mask, int64 (n, L), of the ids and masks (n, l) of texts; leading: tokens before each."""
    parts = [
        (ids[:, leading:], mask[:, leading:]) if place else (ids, mask)
        for place, (ids, mask) in enumerate(texts)
    ]
    ids, mask = (torch.cat([part[array] for part in parts], dim=1) for array in range(2))
    # what is there moves to the front and keeps its order, what is not moves behind it: every place is taken once
    there, gone = mask.cumsum(dim=1), (1 - mask).cumsum(dim=1)
    places = torch.where(mask > 0, there, mask.sum(dim=1, keepdim=True) + gone) - 1  # (n, L)
    ids, mask = (torch.zeros_like(ids).scatter(1, places, one) for one in (ids, mask))
    if torch.compiler.is_exporting():
        return ids, mask
    # rows whose texts are long in turn leave columns that no row fills
    longest = int(mask.sum(dim=1).max())
    return ids[:, :longest], mask[:, :longest]
