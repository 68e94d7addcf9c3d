"""Rows as a network reads them: arrays by name, truths, and the lengths that batches are made by."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners.contract.spec import fields_of

_CHUNK = 1024  # rows tokenized at once for their lengths
_POOL = 16  # batches whose rows are sorted by length together


@dataclass(frozen=True)
class EncodedRows:
    """Columns of canonical values, encoded batch by batch with the code that serves."""

    signature: Signature
    states: Mapping[str, object]
    columns: Mapping[str, Sequence[object]]

    def __len__(self) -> int:
        return len(self.columns[self.signature.inputs[0].name])

    def arrays(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the input arrays (`question.ids`) of some rows, tokens padded to the longest of them."""
        return {
            f"{field.name}.{array}": torch.from_numpy(np.ascontiguousarray(values))
            for field in self.signature.inputs
            for array, values in self._encoded(field, rows).items()
        }

    def _encoded(self, field: Field, rows: NDArray[np.int64]) -> dict[str, Array]:
        column = self.columns[field.name]
        # only these rows are encoded, so that tokens are padded to the longest of the batch, not of all
        values = [column[row] for row in rows.tolist()]
        return kinds.arrays(field.kind).encode(values, self.states[field.name])

    @functools.cached_property
    def truths(self) -> dict[str, dict[str, Tensor]]:
        """Return the targets of all rows: output → array → (n, …), as the kinds give them."""
        return {
            field.name: {
                array: torch.from_numpy(np.ascontiguousarray(values))
                for array, values in kinds.arrays(field.kind)
                .encode_truth(self.columns[field.name], self.columns, self.states[field.name])
                .items()
            }
            for field in self.signature.outputs
        }

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Return each row's number of tokens over all inputs of tokens: int64 (n,)."""
        total = np.zeros(len(self), dtype=np.int64)
        for field in fields_of(self.signature.inputs, Form.TOKENS):
            for begin in range(0, len(self), _CHUNK):
                chunk = np.arange(begin, min(begin + _CHUNK, len(self)))
                # mask (chunk, length), 1 where a token is → (chunk,) tokens a row
                total[chunk] += self._encoded(field, chunk)["mask"].sum(axis=1)
        return total

    def by_length(self, batch: int) -> list[NDArray[np.int64]]:
        """Return all rows in batches of like length, so that little of a batch is padding."""
        order = np.argsort(self.lengths, kind="stable")
        return [order[begin : begin + batch] for begin in range(0, len(order), batch)]

    def shuffled(self, batch: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
        """Return all rows in the batches of an epoch: at random, yet of like length within a batch.

        A batch is drawn from a pool of 16 batches' rows sorted by length. The order follows from seed and epoch
        alone, so that a run which resumes in the middle need not replay what came before.
        """
        # of (seed, epoch) rather than of one stream: any epoch can be drawn without those before it
        generator = np.random.default_rng([seed, epoch])
        order = generator.permutation(len(self))
        batches = []
        for begin in range(0, len(order), batch * _POOL):
            # (16 · batch,) rows at random, then by length: batches hold like lengths, and other rows every epoch
            pool = order[begin : begin + batch * _POOL]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += [pool[place : place + batch] for place in range(0, len(pool), batch)]
        # short batches would come before long ones in every pool; a gradient should not follow length
        return [batches[place] for place in generator.permutation(len(batches))]
