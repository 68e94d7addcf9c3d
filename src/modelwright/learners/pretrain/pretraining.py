"""Pretraining as a training of one objective: what it reads, and in which batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from modelwright.learners.descent.plain_run import Batch, PlainRecipe, PlainRun
from modelwright.learners.pretrain.pretext import Pretext
from modelwright.learners.training.encoded_rows import EncodedRows

_HELD_BATCH = 128


class PretextObjective:
    """The pretext on the one input of the rows."""

    def __init__(self, pretext: Pretext) -> None:
        self._pretext = pretext

    @property
    def module(self) -> Pretext:
        """Return the encoder with what is learned beside it."""
        return self._pretext

    def loss(self, rows: EncodedRows, batch: Batch, seed: int, step: int) -> Tensor:
        """Return the loss of a batch, ()."""
        name = rows.signature.inputs[0].name
        arrays = {key.removeprefix(f"{name}."): values for key, values in rows.arrays(batch).items()}
        return self._pretext.loss(arrays, seed, step)

    def parts(self, rows: EncodedRows, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """Yield the batch as a whole: a view is told from those of all others."""
        yield batch, 1.0

    def held(self, rows: EncodedRows) -> Iterator[tuple[Batch, float]]:
        """Yield the rows in their order."""
        for begin in range(0, len(rows), _HELD_BATCH):
            batch = np.arange(begin, min(begin + _HELD_BATCH, len(rows)))
            yield batch, float(len(batch))


def run_of(pretext: Pretext, rows: EncodedRows, recipe: PlainRecipe, steps: int, seed: int) -> PlainRun:
    """Return a pretraining before its first step."""
    return PlainRun(PretextObjective(pretext), rows, recipe, steps=steps, seed=seed)
