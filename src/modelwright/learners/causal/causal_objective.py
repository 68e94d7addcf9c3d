"""The loss of a language model on the tokens that are learned, read in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelwright.learners.causal.token_rows import TokenRows
from modelwright.learners.networks.decoders.llama import Decoder
from modelwright.learners.training import precision

PART_TOKENS, GPU_PART_TOKENS = 1_024, 16_384  # that are read at once; a longer row is read by itself
_WEIGHTS = (
    1 << 25
)  # of a decoder that reads so many; a smaller one spends longer on beginning a part than on its numbers
_MOST_PARTS = 4


class CausalObjective:
    """-ln p of the learned tokens, their mean; numbers: the type in which products are computed.

    shares: parts that a step has at least, where it has as many rows: one for each process that reads some.
    """

    def __init__(self, decoder: Decoder, numbers: str, device: str, shares: int = 1) -> None:
        self._decoder, self._precision, self._device = decoder, numbers, device
        self._shares = shares
        weights = sum(one.numel() for one in decoder.parameters())
        small = PART_TOKENS * max(1, min(_MOST_PARTS, _WEIGHTS // weights))
        self._most = self._at_first = small if device == "cpu" else GPU_PART_TOKENS

    @property
    def module(self) -> Decoder:
        """Return the decoder."""
        return self._decoder

    def loss(self, rows: TokenRows, batch: NDArray[np.int64], seed: int, step: int) -> Tensor:
        """Return the mean loss of the tokens of a batch that are learned, ()."""
        logits, wanted, _ = self.foreseen(rows, batch)
        return functional.cross_entropy(logits, wanted)

    def foreseen(self, rows: TokenRows, batch: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the decoder says of the learned tokens of a batch, row by row: logits (k, words), these tokens
        (k,), and how many each row has, (n,).
        """
        ids, learned, begins = (None if one is None else one.to(self._device) for one in rows.arrays(batch))
        assert ids is not None
        assert learned is not None
        with precision.computing_in(self._precision, self._device.partition(":")[0]):
            # what stands at t foresees the token t + 1, so the last token is not read
            states = self._decoder.model(ids[:, :-1], None if begins is None else begins[:, :-1])
            # (k,): the head of a small decoder is a third of its arithmetic, and most tokens are not learned
            places = learned[:, 1:].flatten().nonzero()[:, 0]
            logits = self._decoder.logits(states.flatten(0, 1).index_select(0, places))  # (k, words)
        wanted = ids[:, 1:].flatten().index_select(0, places)
        return logits.float(), wanted, learned[:, 1:].sum(-1)

    def likelihood(self, rows: TokenRows, batch: NDArray[np.int64]) -> Tensor:
        """Return ln p of what is learned of each row of a batch, (n,)."""
        logits, wanted, counts = self.foreseen(rows, batch)
        each = -functional.cross_entropy(logits, wanted, reduction="none")  # (k,), row by row
        of_rows = torch.split(each, counts.tolist())
        return torch.stack([one.sum() for one in of_rows])

    def read(self, rows: TokenRows, batch: NDArray[np.int64]) -> None:
        """Read a batch forwards and backwards, and take no step."""
        self.loss(rows, batch, 0, 0).backward()  # type: ignore[no-untyped-call]

    def parts(self, rows: TokenRows, batch: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], float]]:
        """Yield the parts of a batch, each with its share of the learned tokens."""
        whole = int(rows.learned[batch].sum())
        for part in self.shared(rows.lengths, batch):
            yield part, float(rows.learned[part].sum()) / whole

    def halve(self, times: int) -> bool:
        """Let parts have so many times half of the tokens; tell whether that is one at least."""
        self._most = max(1, self._at_first >> times)
        return bool(self._at_first >> times)

    def held(self, rows: TokenRows) -> Iterator[tuple[NDArray[np.int64], float]]:
        """Yield held-out rows by length, each part with its learned tokens."""
        for part in self.cut(rows.lengths, np.argsort(rows.lengths, kind="stable")):
            yield part, float(rows.learned[part].sum())

    def shared(self, lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield the parts of a step, of which each process reads some."""
        rows = max(1, -(-len(batch) // self._shares))  # of none there is no part
        for begin in range(0, len(batch), rows):
            yield from self.cut(lengths, batch[begin : begin + rows])

    def cut(self, lengths: NDArray[np.int64], order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield rows in their order, as many at once as have few enough tokens when they are filled up."""
        begin, longest = 0, 0
        for place, row in enumerate(order.tolist()):
            longest = max(longest, int(lengths[row]))
            if place > begin and longest * (place - begin + 1) > self._most:
                yield order[begin:place]
                begin, longest = place, int(lengths[row])
        if begin < len(order):
            yield order[begin:]
