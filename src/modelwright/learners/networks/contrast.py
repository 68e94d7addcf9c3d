"""What belongs together, told from all else in the batch: InfoNCE (van den Oord et al. 2018, section 2.3).

Each question is compared with the passages of all rows, of which its own is to be the nearest, and each passage with
all questions. What is right for a question beside its own passage (an equal text under another id, a second answer)
counts for neither side.

Shapes: n rows of a batch, d numbers of a vector, m right passages of a question.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.05
_FAR = -1e4  # of a logit: after the softmax it weighs nothing
_BLOCK = 1024  # rows whose ranks are counted at once


def loss(vectors: Tensor, own: Tensor, right: Tensor, temperature: float, smoothing: float = 0.0) -> Tensor:
    """Return the loss of each row, (n,): half of it from the question's side, half from the passage's.

    vectors: (n, 2 · d), question and passage side by side; own: (n,), the number of each row's passage; right: (n, m),
    the numbers of those that are right for its question.
    """
    questions, passages = sides(vectors)
    # (n, n): cosines over the temperature, as logits of the passages of all rows
    logits = (questions @ passages.T) / temperature
    logits = torch.where(also_right(own, right), _FAR, logits)
    wanted = torch.arange(len(logits), device=logits.device)
    each = [
        functional.cross_entropy(one, wanted, reduction="none", label_smoothing=smoothing)
        for one in (logits, logits.T)
    ]
    return (each[0] + each[1]) / 2


def lost_ranks(vectors: Tensor, own: Tensor, right: Tensor) -> Tensor:
    """Return 1 - 1 / rank of each row's passage among those of all rows, (n,); other right ones do not count."""
    questions, passages = sides(vectors)
    # the first row of each passage: equal ones are one that a search would show
    once = torch.from_numpy(np.unique(own.cpu().numpy(), return_index=True)[1]).to(own.device)
    ranks = []
    for begin in range(0, len(own), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        cosines = questions[rows] @ passages[once].T  # (block, passages)
        mine = (questions[rows] * passages[rows]).sum(dim=1, keepdim=True)
        # (block, m, 1) against (passages,) → (block, passages): is right for the question in no way
        others = (own[once] != right[rows].unsqueeze(-1)).all(dim=1)
        ranks.append(1 + ((cosines > mine) & others).sum(dim=1))
    return 1.0 - 1.0 / torch.cat(ranks).to(torch.float32)


def sides(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return questions and passages, (n, d) each and of length 1, of both side by side."""
    questions, passages = vectors.chunk(2, dim=-1)
    return functional.normalize(questions, dim=-1), functional.normalize(passages, dim=-1)


def also_right(own: Tensor, right: Tensor) -> Tensor:
    """Return which passages (n, n) are right for a row's question and are another row's: bool."""
    # (n, m, 1) against (n,) → (n, m, n) → (n, n)
    found = (right.unsqueeze(-1) == own).any(dim=1)
    return found & ~torch.eye(len(own), dtype=torch.bool, device=own.device)
