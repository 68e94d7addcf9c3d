"""Pretraining as a training of one objective: what it reads, and in which batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from torch import Tensor

from modelwright.learners.descent import divergence
from modelwright.learners.descent.plain_run import HELD, Batch, PlainRecipe, PlainRun
from modelwright.learners.pretrain.pretext import Pretext
from modelwright.learners.training.encoded_rows import EncodedRows

_HELD_BATCH = 128
_PARTS_APART = 2**33  # seeds between those of two parts
_MOST_HALVINGS = 30  # a billion rows


class PretextObjective:
    """The pretext on the one input of the rows."""

    def __init__(self, pretext: Pretext) -> None:
        self._pretext = pretext
        self._halvings = 0

    @property
    def module(self) -> Pretext:
        """Return the encoder with what is learned beside it."""
        return self._pretext

    def loss(self, rows: EncodedRows, batch: Batch, seed: int, step: int) -> Tensor:
        """Return the loss of a batch, ()."""
        if self._halvings and step < HELD:
            # what is drawn for a part is drawn for no other part of the step
            seed += _PARTS_APART * (1 + int(batch[0]))
        name = rows.signature.inputs[0].name
        arrays = {key.removeprefix(f"{name}."): values for key, values in rows.arrays(batch).items()}
        return self._pretext.loss(arrays, seed, step)

    def parts(self, rows: EncodedRows, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """Yield the batch as a whole: a view is told from those of all others; where memory ran out, in parts.

        None is of a row alone, which has no others.
        """
        for part in np.array_split(batch, max(1, min(2**self._halvings, len(batch) // 2))):
            yield part, len(part) / len(batch)

    def halve(self, times: int) -> bool:
        """Let a batch be read in 2^times parts; tell whether a batch can have that many rows."""
        self._halvings = times
        return times < _MOST_HALVINGS

    def held(self, rows: EncodedRows) -> Iterator[tuple[Batch, float]]:
        """Yield the rows in their order."""
        for begin in range(0, len(rows), _HELD_BATCH):
            batch = np.arange(begin, min(begin + _HELD_BATCH, len(rows)))
            yield batch, float(len(batch))


def run_of(pretext: Pretext, rows: EncodedRows, recipe: PlainRecipe, steps: int, seed: int) -> PlainRun:
    """Return a pretraining before its first step."""
    run = PlainRun(PretextObjective(pretext), rows, recipe, steps=steps, seed=seed)
    run.written = partial(divergence.written, rows)
    return run
