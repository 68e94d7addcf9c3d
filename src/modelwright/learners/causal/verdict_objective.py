"""The loss of single verdicts: an answer that was liked is to become likelier, one that was not less likely."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.causal.token_rows import Floats, TokenRow, TokenRows
from modelwright.learners.networks.decoders.llama import Decoder
from modelwright.learners.training.length_batches import shuffled

Batch = NDArray[np.int64]
_NO_REFERENCE: Floats = np.zeros((0, 2))


@dataclass(frozen=True)
class VerdictRows:
    """n answers behind their prompts, and which of them were liked, (n,).

    astray: each prompt with the answer of another row, which nothing is learned from; it tells how far the decoder has
    gone from where it began. reference: ln p of a row's answer and of the one astray before anything was learned,
    (n, 2); without rows: 0 each.
    """

    answers: TokenRows
    liked: NDArray[np.bool_]
    astray: TokenRows
    reference: Floats = field(default_factory=lambda: _NO_REFERENCE)

    @classmethod
    def of(cls, rows: list[TokenRow], liked: list[bool], most: int) -> VerdictRows:
        """Return rows with the answers astray: of the next row by length, so that both take as long to read.

        most: tokens of a row; an answer astray is cut there.
        """
        sizes = [len(one.ids) for one in rows]
        order = np.argsort(sizes, kind="stable")
        following = np.empty(len(rows), np.int64)
        following[order] = np.roll(order, -1)
        astray = [
            _behind(one, rows[other], most) for one, other in zip(rows, following.tolist(), strict=True)
        ]
        return cls(TokenRows(rows), np.array(liked, np.bool_), TokenRows(astray))

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def lengths(self) -> Batch:
        """Return the tokens of each row, (n,), the shorter one of both filled up."""
        return np.maximum(self.answers.lengths, self.astray.lengths)

    def shares(self, ratio: float | None) -> tuple[float, float]:
        """Return what a liked answer and another one count, on average 1.

        ratio: of the first to the second; None: so that both count the same together, as rows of the rarer verdict
        would be passed over otherwise (Ethayarajh et al. 2024, section 4.3).
        """
        good, bad = int(self.liked.sum()), int((~self.liked).sum())
        of_good = ratio if ratio is not None else bad / max(1, good)
        of_bad = len(self) / (of_good * good + bad) if good or bad else 1.0
        return of_good * of_bad, of_bad

    @property
    def sides(self) -> tuple[TokenRows, TokenRows]:
        """Return what `reference` is of."""
        return self.answers, self.astray

    def shuffled(self, batch: int, seed: int, epoch: int) -> list[Batch]:
        """Return all rows in the batches of an epoch: at random, yet of like length within a batch."""
        return shuffled(self.lengths, batch, seed, epoch)

    def known(self, batch: Batch) -> Tensor:
        """Return what is known of a batch before learning, (n, 2)."""
        known = self.reference[batch] if len(self.reference) else np.zeros((len(batch), 2))
        return torch.from_numpy(known).float()


class VerdictObjective:
    """1 - σ(β · (change - drift)) of a liked answer, 1 - σ(β · (drift - change)) of another.

    change: of ln p of the answer since before learning; drift: the mean change of the answers astray of a batch, at
    least 0, an estimate of the divergence of the decoder from what it was (Ethayarajh et al. 2024, equation 8). Nothing
    is learned along it.

    shares: what a liked answer and another one count; kept: what the mean -ln p of a liked answer's tokens counts
    beside it; numbers: the type in which products are computed; parts: of a step at least.
    """

    def __init__(
        self,
        decoder: Decoder,
        beta: float,
        kept: float,
        shares: tuple[float, float],
        numbers: str,
        device: str,
        parts: int = 1,
    ) -> None:
        self._beta, self._kept, self._shares, self._device = beta, kept, shares, device
        self._causal = CausalObjective(decoder, numbers, device, parts)
        self._whole: Batch = np.zeros(0, np.int64)  # whose drift counts in the loss of each of its parts
        self._drift: Tensor | None = None

    @property
    def module(self) -> Decoder:
        """Return the decoder."""
        return self._causal.module

    def loss(self, rows: VerdictRows, batch: Batch, seed: int, step: int) -> Tensor:
        """Return the mean loss of the rows of a batch, (), with the drift of that of which `parts` has yielded it."""
        if not np.isin(batch, self._whole).all():
            self._begin(batch)
        if self._drift is None:
            self._drift = self._drifted(rows)
        likely = self.likelihood(rows.answers, batch)  # (n,)
        change = likely - rows.known(batch)[:, 0].to(self._device)
        liked = torch.from_numpy(rows.liked[batch]).to(self._device)
        towards = torch.where(liked, change - self._drift, self._drift - change)
        share = torch.where(liked, *self._shares)
        tokens = torch.from_numpy(rows.answers.learned[batch]).to(self._device)
        kept = torch.where(liked, -likely / tokens, 0.0)
        return (share * (1 - torch.sigmoid(self._beta * towards)) + self._kept * kept).mean()

    def likelihood(self, rows: TokenRows, batch: Batch) -> Tensor:
        """Return ln p of what is learned of each row of a batch, (n,)."""
        return self._causal.likelihood(rows, batch)

    def read(self, rows: VerdictRows, batch: Batch) -> None:
        """Read a batch forwards and backwards, and take no step."""
        self._begin(batch)
        self.loss(rows, batch, 0, 0).backward()  # type: ignore[no-untyped-call]

    def parts(self, rows: VerdictRows, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """Yield the parts of a batch, each with its share of the rows."""
        self._begin(batch)
        for part in self._causal.shared(rows.lengths, batch):
            yield part, len(part) / len(batch)

    def halve(self, times: int) -> bool:
        """Let parts have so many times half of the tokens; tell whether that is one at least."""
        return self._causal.halve(times)

    def held(self, rows: VerdictRows) -> Iterator[tuple[Batch, float]]:
        """Yield held-out rows by length, each part with how many they are."""
        for part in self._causal.cut(rows.lengths, np.argsort(rows.lengths, kind="stable")):
            self._begin(part)
            yield part, float(len(part))

    def _begin(self, batch: Batch) -> None:
        self._whole, self._drift = batch, None

    def _drifted(self, rows: VerdictRows) -> Tensor:
        """Return how far the decoder has gone, (), of the whole batch."""
        changes = []
        with torch.no_grad():
            for part in self._causal.cut(rows.lengths, self._whole):
                known = rows.known(part)[:, 1].to(self._device)
                changes.append(self.likelihood(rows.astray, part) - known)
        return torch.cat(changes).mean().clamp(min=0)


def _behind(row: TokenRow, other: TokenRow, most: int) -> TokenRow:
    """Return the prompt of a row with the answer of another one."""
    begin, of_other = (int(np.argmax(one.learned)) for one in (row, other))
    answer = other.ids[of_other:][: max(1, most - begin)]
    return TokenRow.of([*row.ids[:begin].tolist(), *answer.tolist()], [False] * begin + [True] * len(answer))
