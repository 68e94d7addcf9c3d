"""What every kind must hold, whatever it is. A kind is tested by existing.

Only the kind's author knows what a value looks like (no schema says which bytes are a picture), so each kind
brings `samples_{kind}.py` beside this file:

    accepted()   a hypothesis strategy of raw values that a request may hold
    cells()      a hypothesis strategy of raw table cells that the lenient reading takes
    REFUSED      raw values that a request may not hold
    TWO          two different raw values that a request may hold
    options()    what `fit` needs beside values
"""

from __future__ import annotations

import importlib
import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.digest import canonical_json
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Answer, Dumped, Role

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
# The machine that tests may be busy: how long an example takes is no finding.
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

each_kind = pytest.mark.parametrize("name", kinds.names())
each_input = pytest.mark.parametrize("name", [n for n in kinds.names() if Role.INPUT in kinds.get(n).roles])
each_output = pytest.mark.parametrize("name", [n for n in kinds.names() if Role.OUTPUT in kinds.get(n).roles])


def samples(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"samples_{name}")
    except ModuleNotFoundError:
        pytest.fail(
            f"the kind `{name}` needs tests/kinds/samples_{name}.py; test_contract.py says what is in it"
        )


def draw_values(draw: st.DataObject, kind: Kind[Any], least: int = 2) -> list[Any]:
    """Draw canonical values, some missing, at least two of them different."""
    raw = draw.draw(st.lists(samples(kind.name).accepted() | st.none(), min_size=least, max_size=8))
    return [*(kind.parse(one) for one in raw), *fixed_values(kind)]


def fixed_values(kind: Kind[Any]) -> list[Any]:
    return [kind.parse(raw) for raw in samples(kind.name).TWO]


def fitted(kind: Kind[Any], values: list[Any]) -> Any:
    return kind.fit(values, **samples(kind.name).options())


def through_json(dumped: Dumped) -> Dumped:
    return Dumped(json.loads(canonical_json(dict(dumped.data))), dict(dumped.assets))


def test_the_first_kinds_are_found() -> None:
    assert {"text", "category", "number", "boolean"} <= set(kinds.names())


@each_kind
def test_says_what_it_is(name: str) -> None:
    kind = kinds.get(name)
    assert kind.roles
    assert {"type", "oneOf", "anyOf"} & kind.schema().keys()
    canonical_json(kind.schema())


@each_kind
@given(draw=st.data())
@quick
def test_a_canonical_value_reads_as_itself(name: str, draw: st.DataObject) -> None:
    kind, found = kinds.get(name), samples(name)
    value = kind.parse(draw.draw(found.accepted()))
    assert value is not None
    assert kind.parse(value) == value
    cell = kind.parse(draw.draw(found.cells()), lenient=True)
    assert cell is None or kind.parse(cell) == cell


@each_kind
def test_nothing_is_missing_in_both_readings_and_a_blank_in_the_lenient_one(name: str) -> None:
    kind = kinds.get(name)
    assert kind.parse(None) is None
    assert kind.parse(None, lenient=True) is None
    assert kind.parse("", lenient=True) is None
    assert kind.parse(" \t", lenient=True) is None


@each_kind
def test_refuses_with_the_rule_and_what_was_found(name: str) -> None:
    for raw in samples(name).REFUSED:
        with pytest.raises(ValueProblem, match=r"^must .+; found .+|^text must .+; found .+"):
            kinds.get(name).parse(raw)


@each_kind
@given(raw=ANYTHING, lenient=st.booleans())
@quick
def test_anything_is_read_or_refused(name: str, raw: Any, lenient: bool) -> None:
    kind = kinds.get(name)
    try:
        value = kind.parse(raw, lenient=lenient)
    except ValueProblem:
        return
    assert value is None or kind.parse(value) == value


@each_kind
@given(draw=st.data())
@quick
def test_a_state_survives_its_dump(name: str, draw: st.DataObject) -> None:
    kind = kinds.get(name)
    state = fitted(kind, draw_values(draw, kind))
    dumped = kind.dump(state)
    loaded = kind.load(through_json(dumped))
    assert loaded == state
    assert kind.dump(loaded) == dumped


@each_input
@given(draw=st.data())
@quick
def test_encodes_as_it_says_and_the_same_after_loading(name: str, draw: st.DataObject) -> None:
    kind = kinds.get(name)
    values = draw_values(draw, kind)
    state = fitted(kind, values)
    arrays, specs = kind.encode(values, state), kind.arrays(state)
    assert arrays.keys() == specs.keys()
    for array_name, array in arrays.items():
        spec = specs[array_name]
        assert spec.shape[0] == "batch"
        assert array.dtype == np.dtype(spec.dtype)
        assert array.ndim == len(spec.shape)
        assert array.shape[0] == len(values)
        assert all(
            isinstance(axis, str) or axis == size for axis, size in zip(spec.shape, array.shape, strict=True)
        )
        assert np.isfinite(array).all()
    again = kind.encode(values, kind.load(through_json(kind.dump(state))))
    assert all(np.array_equal(arrays[one], again[one]) for one in arrays)


@each_input
@given(draw=st.data())
@quick
def test_a_row_alone_encodes_as_in_a_batch(name: str, draw: st.DataObject) -> None:
    """Up to padding: beyond the row's own size, an array holds one value throughout."""
    kind = kinds.get(name)
    values = draw_values(draw, kind)
    state = fitted(kind, values)
    batch = kind.encode(values, state)
    for row, value in enumerate(values):
        for array_name, alone in kind.encode([value], state).items():
            among = batch[array_name][row]
            own = tuple(slice(0, size) for size in alone.shape[1:])
            assert np.array_equal(among[own], alone[0])
            rest = np.ones(among.shape, dtype=bool)
            rest[own] = False
            assert len(np.unique(among[rest])) <= 1


@each_input
def test_encodes_an_unseen_and_a_missing_value(name: str) -> None:
    kind = kinds.get(name)
    first, second = fixed_values(kind)
    arrays = kind.encode([second, None], fitted(kind, [first]))
    assert all(len(array) == 2 and np.isfinite(array).all() for array in arrays.values())


def body_answers(draw: st.DataObject, kind: Kind[Any], state: Any, rows: int) -> dict[str, Any]:
    """Draw what a body might answer: arrays as the kind wants them."""
    found = {}
    for array_name, spec in kind.answers(state).items():
        shape = [rows if axis == "batch" else 3 if isinstance(axis, str) else axis for axis in spec.shape]
        seed = draw.draw(st.integers(0, 2**32 - 1))
        scale = draw.draw(st.sampled_from([0.0, 1.0, 50.0]))
        found[array_name] = (np.random.default_rng(seed).normal(size=shape) * scale).astype(spec.dtype)
    return found


@each_output
@given(draw=st.data())
@quick
def test_answers_are_values_of_the_kind_and_the_outcomes_are_those_answers(
    name: str, draw: st.DataObject
) -> None:
    kind = kinds.get(name)
    values = draw_values(draw, kind)
    state = fitted(kind, values)
    arrays = body_answers(draw, kind, state, len(values))
    answers = kind.decode(arrays, state)
    outcomes = kind.outcomes(values, arrays, state)
    assert len(answers) == len(outcomes) == len(kind.targets(values, state)) == len(values)
    for row, answer in enumerate(answers):
        assert isinstance(answer, Answer)
        assert answer.confidence is None or 0.0 <= answer.confidence <= 1.0
        assert kind.parse(answer.value) == answer.value
        json.dumps(answer.value, allow_nan=False)
        alone = kind.decode({one: array[row : row + 1] for one, array in arrays.items()}, state)
        assert alone == [answer]
    taken = outcomes.take(np.array([0]))
    assert len(taken) == 1


@each_output
@given(draw=st.data())
@quick
def test_calibration_changes_confidence_and_no_answer(name: str, draw: st.DataObject) -> None:
    kind = kinds.get(name)
    values = draw_values(draw, kind)
    state = fitted(kind, values)
    arrays = body_answers(draw, kind, state, len(values))
    calibrated = kind.calibrate(arrays, values, state)
    assert kind.load(through_json(kind.dump(calibrated))) == calibrated
    before, after = kind.decode(arrays, state), kind.decode(arrays, calibrated)
    assert [answer.value for answer in before] == [answer.value for answer in after]
