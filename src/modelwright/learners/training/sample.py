"""A sample of the training rows, on which a forecast times what learning does."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states, timing
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.networks.network import Network
from modelwright.learners.training import gpus
from modelwright.learners.training.encoded_rows import MOST_KEPT_BYTES, EncodedRows, Reader
from modelwright.storage.formats.examples import Examples

LOADING_S = 5.0  # of a further process: torch and all that learns with it (4.6 to 5.9 CPU seconds, seen)
# What a plan cannot time: the first step, calibrating, writing. Seen of networks that take one step: 0.02 to 0.25 s,
# and of 23 million weights 0.4 s more. Libraries are no part of it: the process that plans has loaded them.
_ENDING_S, _WRITTEN_BYTES_S = 0.25, 2e8
_SAMPLED_ROWS = 4096  # rows whose lengths stand for all
_FEW_ROWS = 512  # rows that stand for all where none has a length
_READ_ROWS = 192  # where each is read by an encoder
_TIMED_BATCHES = 5
_TIMED_REQUESTS = 9
_AXES, _FEWEST_COMPRESSED, _FEWEST_IN_TABLE = 2, 64 * 64, 100_000  # as `exporting.int8` has it
_AXES_OF_FILTERS = 4  # of convolutions over pictures, as `exporting.convolutions` has it


@dataclass(frozen=True)
class Sample:
    """Evenly spaced training rows that a forecast times, and batches of them of every length.

    All times are seconds on a quiet machine (see `learners.timing`).
    """

    rows: EncodedRows
    of: int  # training rows in all
    encode_row_s: float  # of the values that are encoded once (pictures, sounds), on one thread
    length_row_s: float = 0.0  # of counting tokens, once, on one thread

    @classmethod
    def of_examples(
        cls,
        signature: Signature,
        states: Mapping[str, object],
        train: Examples,
        readers: Mapping[str, Reader] | None = None,
    ) -> Sample:
        """Return a sample of the training split; readers: of the inputs that are read once (`EncodedRows`)."""
        readers = readers or {}
        # only texts differ in length; a picture takes long to decode, and any stands for all
        by_length = any(field.name not in readers for field in fields_of(signature.inputs, Form.TOKENS))
        # what is read is the same for equal values, and takes longest of all
        few = _READ_ROWS if readers else _FEW_ROWS
        every = max(1, len(train) // (_SAMPLED_ROWS if by_length else few))
        columns: Mapping[str, Sequence[object]] = {
            field.name: train.columns[field.name][::every]
            for field in (*signature.inputs, *signature.outputs)
        }
        rows = EncodedRows(signature, states, columns, readers)
        began = timing.now_s()
        rows.encode_fixed()
        took_s = (timing.now_s() - began) / max(1, len(rows))
        began = timing.now_s()
        assert rows.lengths is not None  # counted now, and kept
        length_s = (timing.now_s() - began) / max(1, len(rows))
        return cls(rows, len(train), took_s * _distinct(readers, train.columns, columns), length_s)

    @classmethod
    def of_rows(cls, rows: EncodedRows, of: int) -> Sample:
        """Return a sample of texts, which are encoded with every batch; of: rows in all."""
        began = timing.now_s()
        assert rows.lengths is not None  # counted now, and kept
        return cls(rows, of, 0.0, (timing.now_s() - began) / max(1, len(rows)))

    def kept_bytes(self, rows: int) -> int:
        """Return the bytes of the arrays of so many rows that are kept over the epochs."""
        return min(int(self.rows.kept_bytes / max(1, len(self.rows)) * rows), MOST_KEPT_BYTES)

    def encoded_once(self, rows: int) -> bool:
        """Tell whether so many rows are encoded once, for their arrays are kept; else they are in every epoch."""
        return self.kept_bytes(rows) < MOST_KEPT_BYTES

    def batches(self, batch: int) -> list[NDArray[np.int64]]:
        """Return a few batches that stand for all: their lengths are evenly spaced quantiles."""
        # batches come sorted by length: the middles of five equal parts stand for all
        every = self.rows.by_length(min(batch, len(self.rows)))
        places = {int((number + 0.5) * len(every) / _TIMED_BATCHES) for number in range(_TIMED_BATCHES)}
        return [every[place] for place in sorted(places)]

    def row_s(self, network: Network, batch: int, threads: int) -> float:
        """Return the seconds of one row's features in batches of like length, on so many threads."""
        network.eval()
        batches = self.batches(batch)
        with torch.no_grad():
            network.features(self.rows.arrays(batches[len(batches) // 2]))  # the first pass allocates
            works = [partial(self._features, network, rows) for rows in batches]
            total = gpus.seconds(works, threads, network.device)
        # weighted by rows, as the last batch may be smaller
        return total / sum(map(len, batches))

    def _features(self, network: Network, rows: NDArray[np.int64]) -> None:
        network.features(self.rows.arrays(rows))

    def request_s(self, network: Network) -> float:
        """Return the seconds of one request of middling length."""
        network.eval()
        # (1,): the row of median length
        middle = np.argsort(self.rows.lengths, kind="stable")[len(self.rows) // 2 :][:1]
        # a request is read by every encoder, also where learning reads a value once
        whole = replace(self.rows, readers={}).arrays(middle) if self.rows.readers else None
        with torch.no_grad():
            return statistics.median(
                timing.least_s(lambda: network(whole or self.rows.arrays(middle)), 1)
                for _ in range(_TIMED_REQUESTS)
            )


def _distinct(
    readers: Mapping[str, Reader],
    columns: Mapping[str, Sequence[object]],
    sampled: Mapping[str, Sequence[object]],
) -> float:
    """Return how many of all rows have a value of their own to be read, as a share of that among the sampled ones."""
    if not readers:
        return 1.0

    def share(of: Mapping[str, Sequence[object]]) -> float:
        return sum(len(set(map(hash, of[name]))) / max(1, len(of[name])) for name in readers)

    return share(columns) / share(sampled)


def ending_s(network: nn.Module) -> float:
    """Return the seconds of what learning does beside its steps and answers, whatever the rows: most is writing."""
    return _ENDING_S + weight_bytes(network) / _WRITTEN_BYTES_S


def weight_bytes(network: nn.Module) -> int:
    """Return the bytes of all weights as they lie in memory."""
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())


def package_bytes(signature: Signature, network: Network, states: Mapping[str, object]) -> int:
    """Return about how many bytes the exported body takes: weights in float32, and the states of kinds."""
    return weight_bytes(network) + kind_states.packed_bytes(signature, states)


def compressible_bytes(network: nn.Module) -> int:
    """Return how many of the weights' bytes an export in 8 bits makes smaller: of matrices, tables and filters."""
    weights = list(network.parameters())
    filters = [one for one in weights if one.dim() == _AXES_OF_FILTERS]
    if sum(one.numel() for one in filters) < _FEWEST_COMPRESSED:
        filters = []
    # rows of a table are looked up, which 8 bits make no quicker: a small one stays
    looked_up = {id(one.weight) for one in network.modules() if isinstance(one, nn.Embedding)}
    flat = [
        one
        for one in weights
        if one.dim() == _AXES
        and one.numel() >= (_FEWEST_IN_TABLE if id(one) in looked_up else _FEWEST_COMPRESSED)
    ]
    return sum(one.numel() * one.element_size() for one in (*filters, *flat))
