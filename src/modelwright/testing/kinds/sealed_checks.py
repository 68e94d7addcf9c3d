"""Checks of states as packages hold them: what is absurd is refused, and what is taken answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import AnyArrays
from modelwright.kinds.contract.common import Array, ArraySpec, Dumped, Role
from modelwright.testing.kinds.tried import fitted, samples_of

_ABSURD: tuple[Any, ...] = (
    *(None, "text", "", math.nan, math.inf, -math.inf, -1, -1.0, 0, 2, 2**31, 2**70, 1e308, True),
    *([], [None], ["a", "a"], [""], ["\ud800"], {}, {"a": 1}),
)


def check_a_state_that_is_absurd_is_refused(name: str) -> None:
    """Each value of a state is changed to others, of each type: the kind refuses, or encodes and answers as ever.

    A value of another type than `dump` gave is never taken, but for one that may be null.
    """
    arrays = kinds.arrays(name)
    values = [*samples_of(name).values()]
    sides = ((Role.INPUT, arrays.input_form), (Role.OUTPUT, arrays.output_form))
    for role in (role for role, form in sides if form is not None):
        dumped = arrays.dump(fitted(name, values, role=role))
        for data in _changed(dumped.data):
            try:
                state = arrays.load(Dumped(data, dumped.assets))
                arrays.require(state, role)
            except ValueProblem:
                continue
            _assert_types(data, dumped.data)
            if role is Role.INPUT:
                _assert_finite(arrays.encode(values, state))
            else:
                _assert_answers(arrays, state)


def check_the_example_of_a_state_is_a_value(name: str) -> None:
    """The value with which a package is tried is one of the kind, and can be encoded."""
    arrays = kinds.arrays(name)
    if arrays.input_form is None:
        return
    state = fitted(name, [*samples_of(name).values()])
    example = arrays.example(state)
    if example is not None:
        kind = kinds.value(name)
        assert kind.parse(kind.to_json(example)) == example
    _assert_finite(arrays.encode([example], state))


def _changed(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the state with one value changed, or one item of a list, or that item there twice."""
    for key, value in data.items():
        for absurd in _ABSURD:
            yield {**data, key: absurd}
        if isinstance(value, list | tuple) and value:
            for absurd in _ABSURD:
                yield {**data, key: [absurd, *value[1:]]}
            yield {**data, key: [value[0], *value]}
            yield {**data, key: [*value, [*value]]}


def _assert_types(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for key, value in expected.items():
        if value is not None and found[key] is not None:
            assert _type(found[key]) == _type(value), f"{key}: {found[key]!r} was taken in place of {value!r}"


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list() | tuple():
            return "list"
        case _:
            return type(value).__name__


def _assert_finite(found: Mapping[str, Array]) -> None:
    for name, array in found.items():
        assert np.isfinite(array).all(), f"`{name}` holds what is no number"


def _assert_answers(arrays: AnyArrays, state: Any) -> None:
    for scale in (0.0, 1.0, -50.0):
        given = {name: _filled(spec, scale) for name, spec in arrays.answers(state).items()}
        for answer in arrays.decode(given, state, {}):
            confidence = answer.confidence
            assert confidence is None or 0.0 <= confidence <= 1.0, f"a confidence of {confidence}"


def _filled(spec: ArraySpec, scale: float) -> Array:
    """Return two rows, of values that differ."""
    shape = [2, *(axis if isinstance(axis, int) else 1 for axis in spec.shape[1:])]
    filled: Array = np.arange(math.prod(shape), dtype=spec.dtype).reshape(shape) * scale
    return filled.astype(spec.dtype)
