"""The loss of preferences: of two answers to a prompt, the chosen one is to become likelier than the rejected one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.causal.token_rows import Floats, TokenRows
from modelwright.learners.networks.decoders.llama import Decoder
from modelwright.learners.training.length_batches import shuffled

Batch = NDArray[np.int64]
_NO_REFERENCE: Floats = np.zeros((0, 2))


@dataclass(frozen=True)
class PairRows:
    """n pairs of rows that differ in their answers alone, of which something is learned.

    reference: ln p of the chosen and the rejected answer before anything was learned, (n, 2); without rows: 0 each.
    """

    chosen: TokenRows
    rejected: TokenRows
    reference: Floats = field(default_factory=lambda: _NO_REFERENCE)

    def __len__(self) -> int:
        return len(self.chosen)

    @cached_property
    def both(self) -> TokenRows:
        """Return the rows of all chosen answers, and those of the rejected ones behind them, (2n,)."""
        return self.chosen.followed_by(self.rejected)

    @property
    def sides(self) -> tuple[TokenRows, TokenRows]:
        """Return what `reference` is of."""
        return self.chosen, self.rejected

    @property
    def lengths(self) -> Batch:
        """Return the tokens of each pair, (n,), the shorter row filled up."""
        return 2 * np.maximum(self.chosen.lengths, self.rejected.lengths)

    def shuffled(self, batch: int, seed: int, epoch: int) -> list[Batch]:
        """Return all pairs in the batches of an epoch: at random, yet of like length within a batch."""
        return shuffled(self.lengths, batch, seed, epoch)

    def known(self, batch: Batch) -> Tensor:
        """Return what is known of the answers of a batch before learning, (n, 2)."""
        known = self.reference[batch] if len(self.reference) else np.zeros((len(batch), 2))
        return torch.from_numpy(known).float()


class PreferenceObjective:
    """-ln σ(margin), the margin β · ((chosen - its reference) - (rejected - its reference)) of ln p.

    Rafailov et al. 2023, equation 7.

    kept: what the mean -ln p of a chosen answer's tokens counts beside it, so that it does not become less likely, too
    (Pang et al. 2024); numbers: the type in which products are computed; shares: parts of a step at least.
    """

    def __init__(
        self, decoder: Decoder, beta: float, kept: float, numbers: str, device: str, shares: int = 1
    ) -> None:
        self._beta, self._kept, self._device = beta, kept, device
        self._causal = CausalObjective(decoder, numbers, device, shares)

    @property
    def module(self) -> Decoder:
        """Return the decoder."""
        return self._causal.module

    def loss(self, rows: PairRows, batch: Batch, seed: int, step: int) -> Tensor:
        """Return the mean loss of the pairs of a batch, ()."""
        # in one pass, (2n,): to begin one takes as long as some hundred tokens
        both = self.likelihood(rows.both, np.concatenate([batch, batch + len(rows)]))
        chosen, rejected = both.chunk(2)
        known = rows.known(batch).to(self._device)  # (n, 2)
        margin = self._beta * ((chosen - known[:, 0]) - (rejected - known[:, 1]))  # (n,)
        tokens = torch.from_numpy(rows.chosen.learned[batch]).to(self._device)
        return (-functional.logsigmoid(margin) - self._kept * chosen / tokens).mean()

    def likelihood(self, rows: TokenRows, batch: Batch) -> Tensor:
        """Return ln p of what is learned of each row of a batch, (n,)."""
        return self._causal.likelihood(rows, batch)

    def read(self, rows: PairRows, batch: Batch) -> None:
        """Read a batch forwards and backwards, and take no step."""
        self.loss(rows, batch, 0, 0).backward()  # type: ignore[no-untyped-call]

    def parts(self, rows: PairRows, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """Yield the parts of a batch, each with its share of the pairs."""
        for part in self._causal.shared(rows.lengths, batch):
            yield part, len(part) / len(batch)

    def halve(self, times: int) -> bool:
        """Let parts have so many times half of the tokens; tell whether that is one at least."""
        return self._causal.halve(times)

    def held(self, rows: PairRows) -> Iterator[tuple[Batch, float]]:
        """Yield held-out pairs by length, each part with how many they are."""
        for part in self._causal.cut(rows.lengths, np.argsort(rows.lengths, kind="stable")):
            yield part, float(len(part))
