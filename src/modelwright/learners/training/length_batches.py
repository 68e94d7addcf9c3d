"""Batches of rows of like length, drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Batches of a pool. From a larger one they come with less padding (Banking77, 313 batches of 32: 17 % of what is read
# with pools of 16, 5 % with pools of 63); of few pools, a pass would put the same rows together as the one before.
_LEAST, _MOST = 16, 64
_POOLS = 5  # that a pass has, where there are rows for pools of more than the least


def pool(rows: int, batch: int) -> int:
    """Return from how many rows, drawn at random, batches of like length are made."""
    # -(-a // b) rounds up: that many pools and no small one behind them
    return batch * min(_MOST, max(_LEAST, -(-rows // (batch * _POOLS))))


def shuffled(lengths: NDArray[np.int64], batch: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Return all rows in the batches of an epoch: at random, yet of like length within a batch."""
    # of (seed, epoch) rather than of one stream: any epoch can be drawn without those before it
    generator = np.random.default_rng([seed, epoch])
    return by_length(generator.permutation(len(lengths)), lengths, batch, generator)


def by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return the rows of an order in batches of like length; each is drawn from a pool of rows.

    lengths: of all rows, (n,).
    """
    batches = []
    every = pool(len(order), batch)
    for begin in range(0, len(order), every):
        # (every,) rows at random, then by length: batches hold like lengths, and other rows every epoch
        drawn = order[begin : begin + every]
        drawn = drawn[np.argsort(lengths[drawn], kind="stable")]
        batches += [drawn[place : place + batch] for place in range(0, len(drawn), batch)]
    # short batches would come before long ones in every pool; a gradient should not follow length
    return [batches[place] for place in generator.permutation(len(batches))]
