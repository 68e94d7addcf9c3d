"""What a body gives for rows whose truths are known, where writing an answer to each would take too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelwright import kinds
from modelwright.core.json_types import JsonLike
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.contract.common import DECODED, LIKELIHOOD, Array, Form
from modelwright.runtime.function import Function


def writes(signature: Signature) -> bool:
    """Tell whether an output is written, token by token."""
    return any(kinds.arrays(field.kind).output_form is Form.WRITTEN for field in signature.outputs)


def answered(
    function: Function,
    columns: Mapping[str, Sequence[Any]],
    most: int,
    options: Mapping[str, JsonLike] | None = None,
) -> dict[str, dict[str, Array]]:
    """Return the body's arrays for n rows, as `infer` does; columns: the inputs, and the truths of the outputs.

    Of a function that writes, answers are written to at most `most` rows, evenly spaced, and how likely the truth is is
    said of all rows, where the body knows it.
    """
    signature = function.signature
    inputs = {field.name: columns[field.name] for field in signature.inputs}
    if not writes(signature):
        return function.infer(inputs)
    count = len(next(iter(inputs.values())))
    places = evenly_spaced(count, min(most, count)).tolist() if most else []
    some = {name: [column[place] for place in places] for name, column in inputs.items()}
    found = function.infer(some, options=options) if places else {}
    whole: dict[str, dict[str, Array]] = {}
    for field in signature.outputs:
        answers: Array = np.full(count, None, dtype=object)
        if places:
            answers[places] = found[field.name][DECODED]
        likely = function.log_likelihoods(field.name, inputs, columns[field.name])
        whole[field.name] = {DECODED: answers, **({} if likely is None else {LIKELIHOOD: likely})}
    return whole
