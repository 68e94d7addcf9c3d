"""Checks of the facet `arrays`, as an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import given

from modelwright import kinds
from modelwright.kinds.contract.common import Array, ArraySpec, Form
from modelwright.testing.kinds.tried import (
    Shapes,
    assert_form,
    fitted,
    lists_of_values,
    present_values,
    quick,
    through_json,
)

# The arrays of each form (`kinds.contract.common.Form`).
_INPUTS: Shapes = {
    Form.TOKENS: {"ids": ("int64", 2), "mask": ("int64", 2)},
    Form.CODE: {"index": ("int64", 1)},
    Form.SCALAR: {"value": ("float32", 1), "missing": ("float32", 1)},
    Form.SET: {"members": ("float32", 2), "missing": ("float32", 1)},
    Form.VECTOR: {"values": ("float32", 2), "missing": ("float32", 1)},
}


def check_a_state_survives_its_dump(name: str) -> None:
    """A state is equal after JSON, and so are the arrays that it encodes."""
    arrays = kinds.arrays(name)

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        state = fitted(name, values)
        dumped = arrays.dump(state)
        loaded = arrays.load(through_json(dumped))
        assert loaded == state
        assert arrays.dump(loaded) == dumped
        if arrays.input_form is not None:
            _assert_equal_arrays(arrays.encode(values, state), arrays.encode(values, loaded))

    check()


def check_encodes_as_its_form_says(name: str) -> None:
    """As an input, the arrays are those of the form, as `specs` declares them, finite, one row per value."""
    arrays = kinds.arrays(name)
    if arrays.input_form is None:
        return
    form = arrays.input_form

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        state = fitted(name, values)
        encoded, specs = arrays.encode(values, state), arrays.specs(state)
        assert_form(specs, _INPUTS[form])
        _assert_as_declared(encoded, specs, len(values))
        assert all(np.isfinite(array).all() for array in encoded.values())
        if form is Form.CODE:
            codes = specs["index"].codes
            assert codes is not None
            assert 0 <= encoded["index"].min(initial=0) <= encoded["index"].max(initial=0) < codes
        if "missing" in encoded:
            assert encoded["missing"].tolist() == [float(value is None) for value in values]
        assert 0.0 <= arrays.unknown_share(values, state) <= 1.0
        assert arrays.unseen(values, state) == [False] * len(values)  # all of them were shown

    check()


def check_a_row_alone_encodes_as_in_a_batch(name: str) -> None:
    """Up to padding: beyond the row's own size, an array holds one value throughout."""
    arrays = kinds.arrays(name)
    if arrays.input_form is None:
        return

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        state = fitted(name, values)
        batch = arrays.encode(values, state)
        for row, value in enumerate(values):
            for array_name, alone in arrays.encode([value], state).items():
                among = batch[array_name][row]
                own = tuple(slice(0, size) for size in alone.shape[1:])
                assert np.array_equal(among[own], alone[0])
                rest = np.ones(among.shape, dtype=bool)
                rest[own] = False
                assert len(np.unique(among[rest])) <= 1

    check()


def check_encodes_what_training_never_showed(name: str) -> None:
    """A state that is fitted on one value, or on none, encodes any other and a missing one; and says what is new."""
    arrays = kinds.arrays(name)
    if arrays.input_form is None:
        return
    first, *others = present_values(name)
    for fitted_on in ([first], [None], []):
        encoded = arrays.encode([*others, None], fitted(name, fitted_on))
        assert all(len(array) == len(others) + 1 and np.isfinite(array).all() for array in encoded.values())
        unseen = arrays.unseen([*others, None], fitted(name, fitted_on))
        assert len(unseen) == len(others) + 1
        assert unseen[-1] is False, "a missing value is not unseen"
        assert any(unseen) == kinds.value(name).closed


def _assert_as_declared(arrays: Mapping[str, Array], specs: Mapping[str, ArraySpec], rows: int) -> None:
    assert arrays.keys() == specs.keys()
    for name, array in arrays.items():
        spec = specs[name]
        assert spec.shape[0] == "batch"
        assert array.dtype == np.dtype(spec.dtype)
        assert array.ndim == len(spec.shape)
        assert array.shape[0] == rows
        assert all(
            isinstance(axis, str) or axis == size for axis, size in zip(spec.shape, array.shape, strict=True)
        )


def _assert_equal_arrays(left: Mapping[str, Array], right: Mapping[str, Array]) -> None:
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[name], right[name]) for name in left)
