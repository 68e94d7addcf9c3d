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
    Form.TERMS: {"terms": ("int64", 2), "weights": ("float32", 2)},
    Form.AMOUNT: {"amount": ("float64", 1)},
    Form.TOKENS: {"ids": ("int64", 2), "mask": ("int64", 2)},
    Form.CODE: {"index": ("int64", 1)},
    Form.SCALAR: {"value": ("float32", 1), "missing": ("float32", 1)},
    Form.SET: {"members": ("float32", 2), "missing": ("float32", 1)},
    Form.VECTOR: {"values": ("float32", 2), "missing": ("float32", 1)},
    Form.PIXELS: {"pixels": ("uint8", 4), "missing": ("float32", 1)},
    Form.SERIES: {"series": ("float32", 3), "present": ("float32", 3)},
    Form.FRAMES: {"frames": ("float32", 3), "mask": ("int64", 2)},
    Form.PROMPT: {},
    Form.LOCATED: {},
}


def check_a_state_survives_its_dump(name: str) -> None:
    """A state is equal after JSON, and so are the arrays that it encodes."""
    arrays = kinds.arrays(name)

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        for form in arrays.input_forms or (None,):
            state = fitted(name, values, form=form)
            dumped = arrays.dump(state)
            loaded = arrays.load(through_json(dumped))
            assert loaded == state
            assert arrays.dump(loaded) == dumped
            if form is not None:
                _assert_equal_arrays(arrays.encode(values, state), arrays.encode(values, loaded))

    check()


def check_encodes_as_its_form_says(name: str) -> None:
    """As an input, the arrays are those of the form, as `specs` declares them, finite, one row per value."""
    arrays = kinds.arrays(name)

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        for form in arrays.input_forms:
            state = fitted(name, values, form=form)
            encoded, specs = arrays.encode(values, state), arrays.specs(state)
            assert_form(specs, _INPUTS[form])
            _assert_as_declared(encoded, specs, len(values))
            _assert_in_range(form, encoded, specs)
            if "missing" in encoded:
                assert encoded["missing"].tolist() == [float(value is None) for value in values]
            if form is Form.AMOUNT:
                missing = np.isnan(encoded["amount"])
                assert missing.tolist() in ([value is None for value in values], [False] * len(values))
            assert 0.0 <= arrays.unknown_share(values, state) <= 1.0
            assert arrays.unseen(values, state) == [False] * len(values)  # all of them were shown

    check()


def check_a_row_alone_encodes_as_in_a_batch(name: str) -> None:
    """Up to padding: beyond the row's own size, an array holds one value throughout."""
    arrays = kinds.arrays(name)

    @given(values=lists_of_values(name))
    @quick
    def check(values: list[Any]) -> None:
        for form in arrays.input_forms:
            state = fitted(name, values, form=form)
            batch = arrays.encode(values, state)
            for row, value in enumerate(values):
                for array_name, alone in arrays.encode([value], state).items():
                    _assert_same_row(batch[array_name][row], alone[0])

    check()


def check_encodes_what_training_never_showed(name: str) -> None:
    """A state that is fitted on one value, or on none, encodes any other and a missing one; and says what is new."""
    arrays = kinds.arrays(name)
    first, *others = present_values(name)
    for form in arrays.input_forms:
        for fitted_on in ([first], [None], []):
            state = fitted(name, fitted_on, form=form)
            encoded, unseen = arrays.encode([*others, None], state), arrays.unseen([*others, None], state)
            assert all(len(array) == len(others) + 1 for array in encoded.values())
            assert all(np.isfinite(array[:-1]).all() for array in encoded.values())
            assert len(unseen) == len(others) + 1
            assert unseen[-1] is False, "a missing value is not unseen"
            kind = kinds.value(name)
            assert any(unseen) == (kind.closed or (kind.spanned and fitted_on == [first]))
            assert (arrays.span(state) is not None) == (kind.spanned and fitted_on == [first])


def _assert_in_range(form: Form, encoded: Mapping[str, Array], specs: Mapping[str, ArraySpec]) -> None:
    """Codes are below their number, and nothing is infinite; NaN stands for a missing amount alone."""
    for array_name, array in encoded.items():
        assert not np.isinf(array).any()
        assert form is Form.AMOUNT or np.isfinite(array).all()
        codes = specs[array_name].codes
        assert form is not Form.CODE or codes is not None
        if codes is not None:
            assert 0 <= array.min(initial=0) <= array.max(initial=0) < codes


def _assert_same_row(among: Array, alone: Array) -> None:
    """Beyond the row's own size, an array holds one value throughout."""
    own = tuple(slice(0, size) for size in alone.shape)
    assert np.array_equal(among[own], alone, equal_nan=alone.dtype.kind == "f")
    rest = np.ones(among.shape, dtype=bool)
    rest[own] = False
    assert len(np.unique(among[rest])) <= 1


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
    for name, array in left.items():
        assert np.array_equal(array, right[name], equal_nan=array.dtype.kind == "f")
