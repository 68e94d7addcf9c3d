"""The truths of an output: as its kind gives them, which of them are there, and whether there is anything to learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.storage.formats.examples import Examples

TRUTH = {
    Form.CODE: "index",
    Form.FLAG: "index",
    Form.SCALAR: "value",
    Form.SET: "members",
    Form.VECTOR: "values",
    Form.SERIES: "steps",
}
"""Output form → its array of truths."""


def truths(field: Field, examples: Examples, states: Mapping[str, object]) -> Array:
    """Return the truths of an output: (n,), or (n, columns) of a set or vector."""
    kind = kinds.arrays(field.kind)
    assert kind.output_form is not None, "a learner refuses what has no form"
    found = kind.encode_truth(examples.columns[field.name], examples.columns, states[field.name])
    truth: Array = found[TRUTH[kind.output_form]]
    return truth


def known(targets: Array) -> NDArray[np.bool_]:
    """Return which truths are there: a code of −1 is none, and so is NaN."""
    there: NDArray[np.bool_] = ~np.isnan(targets) if targets.dtype.kind == "f" else targets >= 0
    return there


def require(signature: Signature, states: Mapping[str, object], train: Examples) -> None:
    """Raise DataError unless training shows both values of a flag, and a value of every other output."""
    problems = []
    for field in signature.outputs:
        flag = kinds.arrays(field.kind).output_form is Form.FLAG
        targets = truths(field, train, states)
        seen = len(np.unique(targets[known(targets)]))
        if seen < (2 if flag else 1):
            problems.append(
                Problem(
                    "learn.nothing-to-tell-apart",
                    field=str(field),
                    name=field.name,
                    rows=len(train),
                    one=seen or None,
                )
            )
    if problems:
        raise DataError(problems)
