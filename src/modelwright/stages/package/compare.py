"""Compares two sets of answers to the same rows: graph with network, batch with single row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modelwright import kinds
from modelwright.core.outcomes import ClassOutcomes, NumberOutcomes, Outcomes
from modelwright.kinds.contract.common import Array
from modelwright.package.body import Body
from modelwright.runtime.function import Function

# Export adds float32 numbers in another order; over some ten layers that stays far below 0.001.
PARITY_TOLERANCE = 0.001
# DESIGN: alone and in mixed batches, no label differs, and no confidence by more than this.
BATCH_TOLERANCE = 0.005
# A pair, a busy gateway's batch, and a full one; each size mixes the rows anew, so that neighbours change.
BATCH_SIZES = (2, 7, 33)

Columns = Mapping[str, Sequence[Any]]
Answers = Mapping[str, Mapping[str, Array]]  # output → array → values, one row each


@dataclass(frozen=True)
class Gap:
    """How far two sets of answers lie apart, over all outputs.

    `labels` counts rows whose answered class differs. `probability` and `confidence` are the largest
    differences of any class's probability and of the likeliest one's; for a number both are the
    largest difference in standard deviations of the truth. `rows` counts what was compared.
    """

    rows: int
    labels: int
    probability: float
    confidence: float

    def as_json(self) -> dict[str, Any]:
        """Return the gap as JSON."""
        return asdict(self)

    def widest(self, other: Gap) -> Gap:
        """Return the larger of two gaps over the same rows, figure by figure."""
        return Gap(
            self.rows,
            max(self.labels, other.labels),
            max(self.probability, other.probability),
            max(self.confidence, other.confidence),
        )


def outcomes(body: Body, columns: Columns, arrays: Answers) -> dict[str, Outcomes]:
    """Return the outcomes of every output; `columns` hold its truths."""
    return {
        field.name: kinds.arrays(field.kind).outcomes(
            columns[field.name], arrays[field.name], body.states[field.name], columns
        )
        for field in body.signature.outputs
    }


def gap(one: Mapping[str, Outcomes], other: Mapping[str, Outcomes]) -> Gap:
    """Return how far two sets of outcomes of the same rows lie apart."""
    found = Gap(len(next(iter(one.values()))), 0, 0.0, 0.0)
    for name, left in one.items():
        right = other[name]
        if isinstance(left, ClassOutcomes) and isinstance(right, ClassOutcomes):
            found = found.widest(_classes(left, right))
        elif isinstance(left, NumberOutcomes) and isinstance(right, NumberOutcomes):
            found = found.widest(_numbers(left, right))
        else:
            raise AssertionError(f"outcomes of two kinds under {name}")
    return found


def _classes(left: ClassOutcomes, right: ClassOutcomes) -> Gap:
    return Gap(
        len(left),
        int((left.predicted != right.predicted).sum()),
        _largest(left.probabilities, right.probabilities),
        _largest(left.probabilities.max(axis=1), right.probabilities.max(axis=1)),
    )


def _numbers(left: NumberOutcomes, right: NumberOutcomes) -> Gap:
    spread = float(np.nanstd(left.truth)) if np.isfinite(left.truth).any() else 0.0
    largest = _largest(left.predicted, right.predicted) / (spread or 1.0)
    return Gap(len(left), 0, largest, largest)


def _largest(left: Array, right: Array) -> float:
    return float(np.abs(left - right).max()) if left.size else 0.0


def batch_gap(function: Function, body: Body, columns: Columns, sizes: Sequence[int] = BATCH_SIZES) -> Gap:
    """Return the largest gap between each row answered alone and the same row in mixed batches.

    Rows are mixed with a fixed seed, so that short and long ones share a batch; each size mixes them anew.
    """
    alone = outcomes(body, columns, function.infer(columns, 1))
    count = len(next(iter(columns.values())))
    found = Gap(count, 0, 0.0, 0.0)
    for size in sizes:
        order = np.random.default_rng(size).permutation(count)
        found = found.widest(gap(alone, outcomes(body, columns, _batched(function, columns, order, size))))
    return found


def _batched(function: Function, columns: Columns, order: Array, size: int) -> dict[str, dict[str, Array]]:
    """Answer the rows in batches of `size` in this order, and return the answers in the rows' own order."""
    parts = []
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        inputs = {f.name: [columns[f.name][row] for row in rows] for f in function.signature.inputs}
        parts.append(function.infer(inputs, size))  # no more rows than one pass takes, so their order stays
    back = np.argsort(order)
    return {
        output: {array: np.concatenate([part[output][array] for part in parts])[back] for array in arrays}
        for output, arrays in parts[0].items()
    }
