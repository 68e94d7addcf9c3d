"""Rows that train or validate although their inputs also stand in validation or test: answers known by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import DataError, Problem
from modelwright.stages.data.canonical import texts
from modelwright.stages.data.split import CODES, TEST, TRAIN, VALIDATION

# More than this share of the training rows is no accident: either the files hold the same rows, or equal
# inputs are natural and `repeated: keep` is meant.
MOST_REPEATED = 0.2
_SEEDS: Final = (0x243F6A8885A308D3, 0x13198A2E03707344)  # of two independent hashes of 64 bits
_STEP: Final = np.uint64(
    0x9E3779B97F4A7C15
)  # odd: multiplying by it loses nothing (Knuth, TAOCP 3, section 6.4)


@dataclass(frozen=True)
class Overlap:
    """Which rows (n,) stand in test, too, and which of the others stand in validation, too."""

    in_test: NDArray[np.bool_]
    in_validation: NDArray[np.bool_]

    @property
    def copies(self) -> NDArray[np.bool_]:
        """Return both together."""
        return self.in_test | self.in_validation


def fingerprints(columns: pl.DataFrame) -> NDArray[np.uint64]:
    """Return two numbers of 64 bits for each row, (2, n); both are equal where the rows are.

    That different rows agree in all 128 bits is expected once in 10^26 pairs of tables of two million rows.
    """
    found = np.zeros((2, columns.height), np.uint64)
    for column in columns:
        bits = _hashable(column)
        for at, seed in enumerate(_SEEDS):
            # The order matters: (a, b) is not (b, a).
            found[at] = (found[at] ^ bits.hash(seed).to_numpy()) * _STEP
    return found


def _hashable(column: pl.Series) -> pl.Series:
    """Return a column that Polars hashes by its content; floats by their bits, so that 0.0 is not -0.0."""
    if column.dtype == pl.Float64:
        bits = pl.Series(column.fill_null(0.0).to_numpy().view(np.uint64))
        return bits.set(column.is_null(), None) if column.null_count() else bits
    if column.dtype.is_nested() or column.dtype.is_float() or column.dtype == pl.Object:
        return texts(column)
    return column


def overlap(splits: NDArray[np.uint8], inputs: pl.DataFrame, used: NDArray[np.bool_]) -> Overlap:
    """Return the used rows that train or validate although their inputs stand in test or validation.

    splits (n,): codes; inputs: columns that are equal where the cleaned inputs are; used (n,).
    """
    place = pl.Series(np.arange(inputs.height, dtype=np.uint32))
    rows = inputs.with_columns(split=pl.Series(splits), place=place).filter(used)
    of_test = rows.filter(pl.col("split") == CODES[TEST]).select(inputs.columns)
    of_validation = rows.filter(pl.col("split") == CODES[VALIDATION]).select(inputs.columns)
    others = rows.filter(pl.col("split") != CODES[TEST])
    in_test = others.join(of_test, on=inputs.columns, how="semi")
    training = others.filter(pl.col("split") == CODES[TRAIN]).join(of_test, on=inputs.columns, how="anti")
    in_validation = training.join(of_validation, on=inputs.columns, how="semi")
    return Overlap(_mask(in_test, inputs.height), _mask(in_validation, inputs.height))


def _mask(rows: pl.DataFrame, count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    mask[rows["place"].to_numpy()] = True
    return mask


def refuse_mass(found: Overlap, splits: NDArray[np.uint8], used: NDArray[np.bool_]) -> None:
    """Raise DataError when setting the repeated rows aside would take a large part of those that train."""
    trains = used & (splits == CODES[TRAIN])
    training, repeated = int(trains.sum()), int((trains & found.copies).sum())
    if repeated > MOST_REPEATED * training:
        raise DataError(Problem("data.repeated-inputs", count=repeated, rows=training, most=MOST_REPEATED))
