"""Rows as a network reads them: arrays by name, truths, and the lengths that batches are made by."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, ArraySpec, Form
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.training.length_batches import by_length, pool

_CHUNK = 1024  # rows tokenized at once for their lengths
_DECODED = 64  # rows encoded at once that are kept; more would hold the files of as many

MOST_KEPT_BYTES = 512 * 2**20  # of encoded arrays that are kept in memory over the epochs

Reader = Callable[[Mapping[str, Array]], dict[str, Array]]
"""Maps the arrays of an input to those that stand for them in a step (`frozen_features.readers`)."""


Given = Callable[[NDArray[np.int64]], dict[str, Array]]
"""Maps rows of an input to its arrays."""


@dataclass(frozen=True)
class EncodedRows:
    """Columns of canonical values, encoded batch by batch with the code that serves.

    readers: input → what a network reads of its arrays, the same in every step; each value is read once.
    targets: output → array → the targets of all rows, where these are no truths of the kinds; couples: (n,), of each
    row another that is put into a batch with it, -1 for none; given: input → what gives the arrays of some rows, where
    these are no values of the kind (windows over a text).
    """

    signature: Signature
    states: Mapping[str, object]
    columns: Mapping[str, Sequence[object]]
    readers: Mapping[str, Reader] = dataclasses.field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Array]] | None = None
    couples: NDArray[np.int64] | None = None
    given: Mapping[str, Given] = dataclasses.field(default_factory=dict)

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
        if (kept := self._kept.get(field.name)) is not None:
            return {array: values[rows] for array, values in kept.items()}
        return self._encode(field, rows)

    def _encode(self, of: Field, rows: NDArray[np.int64]) -> dict[str, Array]:
        if of.name in self.given:
            return self.given[of.name](rows)
        column = self.columns[of.name]
        # only these rows are encoded, so that tokens are padded to the longest of the batch, not of all
        return self._read(of, [column[row] for row in rows.tolist()])

    def _read(self, of: Field, values: Sequence[object]) -> dict[str, Array]:
        arrays = kinds.arrays(of.kind).encode(values, self.states[of.name])
        return self.readers[of.name](arrays) if of.name in self.readers else arrays

    def _read_once(self, of: Field) -> dict[str, Array]:
        """Return what is read of all rows, of which those of one value share it."""
        place_of, places, first = dict[int, int](), list[int](), list[int]()
        for row, value in enumerate(self.columns[of.name]):
            key = hash(value)  # the values themselves may be large
            if key not in place_of:
                place_of[key] = len(first)
                first.append(row)
            places.append(place_of[key])
        blocks = [
            self._encode(of, np.array(first[begin : begin + _DECODED], np.int64))
            for begin in range(0, len(first), _DECODED)
        ]
        return {name: np.concatenate([one[name] for one in blocks])[places] for name in blocks[0]}

    @functools.cached_property
    def _kept(self) -> dict[str, dict[str, Array]]:
        """Return the arrays of all rows of those inputs that are always of one size, while they take little memory.

        So a picture is decoded once and not in every epoch. A row encodes alone as among others, so the arrays are
        those that `_encode` would give.
        """
        found: dict[str, dict[str, Array]] = {}
        left = MOST_KEPT_BYTES
        for field in self.signature.inputs:
            kind = kinds.arrays(field.kind)
            if field.name not in self.states or not len(self):
                continue
            if field.name in self.readers:
                found[field.name] = self._read_once(field)
                continue
            specs = kind.specs(self.states[field.name])
            row_bytes = _row_bytes(specs)
            if row_bytes is None or row_bytes * len(self) > left:
                continue
            left -= row_bytes * len(self)
            arrays = {
                name: np.empty((len(self), *map(int, spec.shape[1:])), spec.dtype)
                for name, spec in specs.items()
            }
            for begin in range(0, len(self), _DECODED):
                rows = np.arange(begin, min(begin + _DECODED, len(self)))
                for name, values in self._encode(field, rows).items():
                    arrays[name][rows] = values
            found[field.name] = arrays
        return found

    def of(self, inputs: Sequence[str]) -> EncodedRows:
        """Return the same rows with these inputs alone; what is kept of them is shared."""
        wanted = tuple(one for one in self.signature.inputs if one.name in inputs)
        signature = Signature(self.signature.name, wanted, self.signature.outputs)
        kept = {name: arrays for name, arrays in self._kept.items() if name in inputs}
        return self._keeping(EncodedRows(signature, self.states, self.columns, self.readers), kept)

    def only(self, places: NDArray[np.int64]) -> EncodedRows:
        """Return some of the rows, in this order."""
        columns = {name: _Some(column, places) for name, column in self.columns.items()}
        kept = {
            name: {array: values[places] for array, values in arrays.items()}
            for name, arrays in self._kept.items()
        }
        return self._keeping(EncodedRows(self.signature, self.states, columns, self.readers), kept)

    @staticmethod
    def _keeping(rows: EncodedRows, kept: dict[str, dict[str, Array]]) -> EncodedRows:
        """Return rows to which these arrays are known: they are not encoded again."""
        rows.__dict__["_kept"] = kept  # where `cached_property` looks
        return rows

    def encode_fixed(self) -> None:
        """Encode now what is kept over the epochs."""
        assert self._kept is not None

    @property
    def kept_bytes(self) -> int:
        """Return the bytes of what is kept over the epochs."""
        return sum(values.nbytes for arrays in self._kept.values() for values in arrays.values())

    @functools.cached_property
    def truths(self) -> dict[str, dict[str, Tensor]]:
        """Return the targets of all rows: output → array → (n, …), as the kinds give them."""
        if self.targets is not None:
            return {
                name: {array: torch.from_numpy(values) for array, values in arrays.items()}
                for name, arrays in self.targets.items()
            }
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
            if field.name in self.readers:
                continue  # what is read of a text has no length
            for begin in range(0, len(self), _CHUNK):
                chunk = np.arange(begin, min(begin + _CHUNK, len(self)))
                # mask (chunk, length), 1 where a token is → (chunk,) tokens a row
                total[chunk] += self._encoded(field, chunk)["mask"].sum(axis=1)
        return total

    def by_length(self, batch: int) -> list[NDArray[np.int64]]:
        """Return all rows in batches of like length, so that little of a batch is padding."""
        order = np.argsort(self.lengths, kind="stable")
        return [order[begin : begin + batch] for begin in range(0, len(order), batch)]

    @functools.cached_property
    def blank(self) -> dict[str, dict[str, Array]]:
        """Return the arrays of a missing value of each optional input: input → array → (1, …)."""
        return {field.name: self._read(field, [None]) for field in self.signature.inputs if field.optional}

    @functools.cached_property
    def balance(self) -> NDArray[np.float64] | None:
        """Return how likely each row is drawn so that all classes are as frequent, (n,); None without classes.

        Of the first output with classes; a row whose class is not known is as likely as the mean of the others.
        """
        for truths in self.truths.values():
            if "index" not in truths:
                continue
            index = truths["index"].numpy()
            counts = np.bincount(index[index >= 0])
            if np.count_nonzero(counts) < 2:
                return None
            # 1 / (rows of its class), over all rows
            weights = np.where(index >= 0, 1.0 / np.maximum(counts[index], 1), 0.0)
            weights[index < 0] = weights[index >= 0].mean()
            chances: NDArray[np.float64] = weights / weights.sum()
            return chances
        return None

    def shuffled(
        self, batch: int, seed: int, epoch: int, *, balanced: bool = False
    ) -> list[NDArray[np.int64]]:
        """Return all rows in the batches of an epoch: at random, yet of like length within a batch.

        A batch is drawn from a pool of rows sorted by length. The order follows from seed and epoch alone, so that a
        run which resumes in the middle need not replay what came before. balanced: rows are drawn with replacement,
        all classes as often.
        """
        # of (seed, epoch) rather than of one stream: any epoch can be drawn without those before it
        generator = np.random.default_rng([seed, epoch])
        order = generator.permutation(len(self))
        if balanced and self.balance is not None:
            order = generator.choice(len(self), len(self), p=self.balance)
        if self.couples is not None:
            return self._coupled(order, batch, generator)
        return by_length(order, self.lengths, batch, generator)

    def _coupled(
        self, order: NDArray[np.int64], batch: int, generator: np.random.Generator
    ) -> list[NDArray[np.int64]]:
        """Return the rows of an order in batches of like length, each row beside the one that it is coupled with.

        A row that is taken already is taken no second time, so that some stand alone.
        """
        assert self.couples is not None
        taken = np.zeros(len(self), dtype=np.bool_)
        units: list[list[int]] = []
        for row in order.tolist():
            if taken[row]:
                continue
            other = int(self.couples[row])
            unit = [row, other] if other >= 0 and not taken[other] and other != row else [row]
            taken[unit] = True
            units.append(unit)
        pooled: list[int] = []
        every = max(1, pool(len(self), batch) // 2)
        for begin in range(0, len(units), every):
            drawn = sorted(units[begin : begin + every], key=lambda unit: int(self.lengths[unit].max()))
            pooled += [row for unit in drawn for row in unit]
        rows = np.array(pooled, dtype=np.int64)
        batches = [rows[begin : begin + batch] for begin in range(0, len(rows), batch)]
        return [batches[place] for place in generator.permutation(len(batches))]


class _Some(Sequence[object]):
    """Some values of a column, each read when it is asked for: a column of files lies on the disk."""

    def __init__(self, column: Sequence[object], places: NDArray[np.int64]) -> None:
        self._column = column
        self._places = places.tolist()

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, row: int) -> object: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[object]: ...

    def __getitem__(self, row: int | slice) -> object:
        if isinstance(row, slice):
            return [self._column[place] for place in self._places[row]]
        found: object = self._column[self._places[row]]
        return found


def _row_bytes(specs: Mapping[str, ArraySpec]) -> int | None:
    """Return the bytes of a row's arrays, None where they have no fixed size (tokens)."""
    total = 0
    for spec in specs.values():
        sizes = [axis for axis in spec.shape[1:] if isinstance(axis, int)]
        if len(sizes) < len(spec.shape) - 1:
            return None
        total += math.prod(sizes) * np.dtype(spec.dtype).itemsize
    return total
