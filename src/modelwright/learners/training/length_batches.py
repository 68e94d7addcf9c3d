"""Batches of rows of like length, drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POOL = 16  # batches, from whose rows one is drawn


def shuffled(lengths: NDArray[np.int64], batch: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Return all rows in the batches of an epoch: at random, yet of like length within a batch."""
    # of (seed, epoch) rather than of one stream: any epoch can be drawn without those before it
    generator = np.random.default_rng([seed, epoch])
    return by_length(generator.permutation(len(lengths)), lengths, batch, generator)


def by_length(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return the rows of an order in batches of like length; each is drawn from a pool of 16 batches' rows.

    lengths: of all rows, (n,).
    """
    batches = []
    for begin in range(0, len(order), batch * POOL):
        # (16 · batch,) rows at random, then by length: batches hold like lengths, and other rows every epoch
        pool = order[begin : begin + batch * POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[place : place + batch] for place in range(0, len(pool), batch)]
    # short batches would come before long ones in every pool; a gradient should not follow length
    return [batches[place] for place in generator.permutation(len(batches))]
