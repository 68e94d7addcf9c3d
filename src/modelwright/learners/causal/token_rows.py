"""Rows as tokens: which of them are learned, and where several documents stand in one row, where each begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright.learners.training.length_batches import shuffled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TokenRow:
    """A row of t tokens: `ids` (t,); `learned` (t,), which of them the loss is of, never the first.

    begins: at which place the document of each token begins, (t,); None where the row is one.
    """

    ids: NDArray[np.int32]
    learned: NDArray[np.bool_]
    begins: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, ids: Sequence[int], learned: Sequence[bool]) -> TokenRow:
        """Return a row of some tokens, each with whether it is learned."""
        found = np.array(learned, np.bool_)
        # nothing stands before the first token, so nothing foresees it
        found[:1] = False
        return cls(np.array(ids, np.int32), found)


class TokenRows:
    """Rows that a language model learns from."""

    def __init__(self, rows: Sequence[TokenRow]) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Return the tokens of each row, (n,)."""
        return np.array([len(row.ids) for row in self._rows], dtype=np.int64)

    @cached_property
    def learned(self) -> NDArray[np.int64]:
        """Return the tokens of each row that are learned, (n,)."""
        return np.array([int(row.learned.sum()) for row in self._rows], dtype=np.int64)

    def ids(self, row: int) -> list[int]:
        """Return the tokens of a row."""
        found: list[int] = self._rows[row].ids.tolist()
        return found

    def followed_by(self, others: TokenRows) -> TokenRows:
        """Return these rows and others behind them."""
        return TokenRows([*self._rows, *others._rows])

    def arrays(self, batch: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return ids (n, t), what is learned (n, t) and begins (n, t) of some rows, filled up at their ends.

        No token reads one that follows it, so what fills a row up changes nothing before it.
        """
        rows = [self._rows[row] for row in batch.tolist()]
        most = max(len(row.ids) for row in rows)
        ids = np.zeros((len(rows), most), np.int64)
        learned = np.zeros((len(rows), most), np.bool_)
        begins = np.zeros((len(rows), most), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row.ids)] = row.ids
            learned[place, : len(row.ids)] = row.learned
            if row.begins is not None:
                begins[place, : len(row.ids)] = row.begins
        packed = any(row.begins is not None for row in rows)
        return torch.from_numpy(ids), torch.from_numpy(learned), torch.from_numpy(begins) if packed else None

    def shuffled(self, batch: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Return all rows in the batches of an epoch: at random, yet of like length within a batch."""
        return shuffled(self.lengths, batch, seed, epoch)
