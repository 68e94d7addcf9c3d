"""Compares two sets of answers to the same rows: graph with network, batch with single row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from modelwright import kinds, outcomes
from modelwright.core.json_types import JsonLike
from modelwright.core.outcomes import Outcomes
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.kinds.outputs import outputs
from modelwright.outcomes.contract.gap import BodyGap, Gap
from modelwright.package.body import Body
from modelwright.runtime.function import Function

# Export adds float32 numbers in another order; over some ten layers that stays far below 0.001.
PARITY_TOLERANCE = 0.001
# DESIGN: alone and in mixed batches, no label differs, and no confidence by more than this.
BATCH_TOLERANCE = 0.005
# A pair, a busy gateway's batch, and a full one; each size mixes the rows anew, so that neighbours change.
BATCH_SIZES = (2, 7, 33)

# Of a body that writes: that many show whether an answer depends on its batch, and the rest of it tells nothing more.
FEW_TOKENS: Mapping[str, JsonLike] = MappingProxyType({"max_tokens": 24})

Columns = Mapping[str, Sequence[Any]]
Answers = Mapping[str, Mapping[str, Array]]  # output → array → values, one row each


def outcomes_of(body: Body, columns: Columns, arrays: Answers) -> dict[str, Outcomes]:
    """Return the outcomes of every output; `columns` hold its truths."""
    return {
        field.name: kinds.arrays(field.kind).outcomes(
            columns[field.name], arrays[field.name], body.states[field.name], columns
        )
        for field in body.signature.outputs
    }


def gaps(signature: Signature) -> dict[str, BodyGap[Any]]:
    """Return by output how its family compares the answers of two bodies."""
    return {output.name: outcomes.facet(output.family, BodyGap) for output in outputs(signature)}


def gap(signature: Signature, one: Mapping[str, Outcomes], other: Mapping[str, Outcomes]) -> Gap:
    """Return how far two sets of outcomes of the same rows lie apart, over all outputs."""
    found = Gap(len(next(iter(one.values()))), 0, 0.0, 0.0)
    for name, compare in gaps(signature).items():
        found = found.widest(compare.between(one[name], other[name]))
    return found


def batch_gap(function: Function, body: Body, columns: Columns, sizes: Sequence[int] = BATCH_SIZES) -> Gap:
    """Return the largest gap between each row answered alone and the same row in mixed batches.

    Rows are mixed with a fixed seed, so that short and long ones share a batch; each size mixes them anew.
    """
    inputs = {field.name: columns[field.name] for field in body.signature.inputs}
    alone = outcomes_of(body, columns, function.infer(inputs, 1, FEW_TOKENS))
    count = len(next(iter(columns.values())))
    found = Gap(count, 0, 0.0, 0.0)
    for size in sizes:
        order = np.random.default_rng(size).permutation(count)
        mixed = outcomes_of(body, columns, _batched(function, columns, order, size))
        found = found.widest(gap(body.signature, alone, mixed))
    return found


def _batched(function: Function, columns: Columns, order: Array, size: int) -> dict[str, dict[str, Array]]:
    """Answer the rows in batches of `size` in this order, and return the answers in the rows' own order."""
    parts = []
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        inputs = {f.name: [columns[f.name][row] for row in rows] for f in function.signature.inputs}
        parts.append(
            function.infer(inputs, size, FEW_TOKENS)
        )  # no more rows than one pass takes, so their order stays
    back = np.argsort(order)
    return {
        output: {array: np.concatenate([part[output][array] for part in parts])[back] for array in arrays}
        for output, arrays in parts[0].items()
    }
