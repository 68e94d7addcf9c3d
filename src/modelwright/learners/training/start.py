"""Where the gradient learners start: fitted kinds, a network with pretrained weights, and what it costs here."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.learners import states as _states
from modelwright.learners.networks import pretrained as weights
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import Rows
from modelwright.storage.formats.rows import Examples

STARTUP_S = 10.0  # imports, reading weights, tokenizing, writing what was learned
VALIDATION_SHARE = 2 / 7  # of the training rows; a forecast does not see validation, and 20/70 is the default
_SAMPLED_ROWS = 4096  # rows whose lengths stand for all
_TIMED_BATCHES = 6
_READ_ROWS = 1000  # training texts that are looked at for unknown tokens
_MOST_UNKNOWN = 0.1  # of the tokens; English questions have less than 0.001
_TIMED_REQUESTS = 9


@dataclass(frozen=True)
class Start:
    """A network before learning; `config` is that of its transformer."""

    states: dict[str, Any]
    network: Network
    config: dict[str, Any]


def start(
    signature: Signature,
    train: Examples,
    pretrained: Path | None,
    pooling: str | None,
    max_length: int | None,
) -> Start:
    """Fit the kinds on the training split and put the network together; heads are drawn at random."""
    assert pretrained is not None, "a learner that needs pretrained weights was given none"
    read = weights.read(pretrained, pooling)
    limit = min(read.positions, weights.MOST_TOKENS) if max_length is None else read.positions
    reading = {"tokenizer": read.tokenizer, "max_length": max_length, "limit": limit}
    options = {field.name: reading for field in signature.inputs if field.kind == "text"}
    states = _states.fit(signature, train, options)
    return Start(states, Network(signature, states, read.encoder()), read.config)


def warnings(signature: Signature, states: Mapping[str, Any], train: Examples) -> tuple[str, ...]:
    """Return a line for each text input that the encoder's tokenizer cannot read."""
    lines = []
    for field in signature.inputs:
        if field.kind == "text":
            column = train.columns[field.name]
            share = kinds.arrays(field.kind).unknown_share(
                column[:: max(1, len(column) // _READ_ROWS)], states[field.name]
            )
            if share > _MOST_UNKNOWN:
                lines.append(
                    f"input `{field.name}`: the encoder does not know {share:.0%} of its tokens (another "
                    "language than it was trained on?); name one that reads it in model.pretrained"
                )
    return tuple(lines)


@dataclass(frozen=True)
class Sample:
    """Evenly spaced training rows that a forecast times, and batches of them of every length."""

    rows: Rows
    of: int  # training rows in all

    @classmethod
    def of_examples(cls, signature: Signature, states: Mapping[str, Any], train: Examples) -> Sample:
        """Return a sample of the training split."""
        every = max(1, len(train) // _SAMPLED_ROWS)
        columns: Mapping[str, Sequence[Any]] = {
            field.name: train.columns[field.name][::every]
            for field in (*signature.inputs, *signature.outputs)
        }
        return cls(Rows(signature, states, columns), len(train))

    def batches(self, batch: int) -> list[NDArray[np.int64]]:
        """Return a few batches that stand for all: their lengths are evenly spaced quantiles."""
        every = self.rows.by_length(min(batch, len(self.rows)))
        places = {int((number + 0.5) * len(every) / _TIMED_BATCHES) for number in range(_TIMED_BATCHES)}
        return [every[place] for place in sorted(places)]

    def row_s(self, network: Network, batch: int) -> float:
        """Return the seconds of one row's features in batches of like length."""
        network.eval()
        batches = self.batches(batch)
        with torch.no_grad():
            network.features(self.rows.arrays(batches[len(batches) // 2]))  # the first pass allocates
            started = time.perf_counter()
            for rows in batches:
                network.features(self.rows.arrays(rows))
        return (time.perf_counter() - started) / sum(map(len, batches))

    def request_s(self, network: Network) -> float:
        """Return the seconds of one request of middling length."""
        network.eval()
        middle = np.argsort(self.rows.lengths, kind="stable")[len(self.rows) // 2 :][:1]
        seconds = []
        with torch.no_grad():
            for _ in range(_TIMED_REQUESTS):
                started = time.perf_counter()
                network(self.rows.arrays(middle))
                seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)


def package_bytes(network: Network, states: Mapping[str, Any]) -> int:
    """Return about how many bytes the exported body takes: weights in float32, and the tokenizers."""
    weight_bytes = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    assets = sum(len(getattr(state, "tokenizer", b"")) for state in states.values())
    return weight_bytes + assets
