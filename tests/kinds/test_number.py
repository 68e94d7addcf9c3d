from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Answer, Dumped
from modelwright.kinds.number.arrays import NumberState

NUMBER = kinds.value("number")
ARRAYS = kinds.arrays("number")
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("3", 3.0),
        (" 1e3 ", 1000.0),
        ("-.5", -0.5),
        ("+7.", 7.0),
        ("1E-2", 0.01),
        (2, 2.0),
        (2.5, 2.5),
        (" ", None),
    ],
)
def test_lenient_reads_numbers(cell: object, number: float | None) -> None:
    assert NUMBER.parse(cell, lenient=True) == number


@pytest.mark.parametrize(
    "cell",
    [
        "abc",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1_000",
        "1,5",
        "1.234,5",
        "0x10",
        "٣",
        "３",
        "1e999",
        "1 2",
        "e5",
        ".",
        True,
    ],
)
def test_lenient_refuses_what_is_no_finite_number(cell: object) -> None:
    with pytest.raises(ValueProblem, match=r"must be a (finite )?number"):
        NUMBER.parse(cell, lenient=True)


@given(FLOATS)
def test_a_written_float_reads_back(number: float) -> None:
    assert NUMBER.parse(repr(number), lenient=True) == number


def test_standardises_in_float64() -> None:
    values = [1_700_000_000.0 + step for step in range(5)]  # times: float32 alone would round them together
    state = ARRAYS.fit(values)
    assert state.mean == pytest.approx(1_700_000_002.0)
    assert state.deviation == pytest.approx(np.sqrt(2.0))
    arrays = ARRAYS.encode([*values, None], state)
    assert arrays["value"][:5] == pytest.approx((np.arange(5) - 2) / np.sqrt(2.0), abs=1e-6)
    assert (arrays["value"][5], arrays["missing"].tolist()) == (0.0, [0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0, 1e300, 5e-324])
def test_a_constant_column_has_deviation_one(constant: float) -> None:
    state = ARRAYS.fit([constant] * 10)
    assert state == NumberState(pytest.approx(constant), 1.0)
    assert ARRAYS.encode([constant], state)["value"] == pytest.approx([0.0], abs=1e-6 + abs(constant) * 1e-15)


def test_nothing_to_fit_on() -> None:
    assert ARRAYS.fit([None, None]) == NumberState(0.0, 1.0)
    assert ARRAYS.fit([]) == NumberState(0.0, 1.0)


@given(st.lists(FLOATS, min_size=1, max_size=20), FLOATS)
def test_arrays_are_finite_for_any_floats(training: list[float], later: float) -> None:
    state = ARRAYS.fit(training)
    assert np.isfinite([state.mean, state.deviation]).all()
    assert state.deviation > 0
    assert np.isfinite(ARRAYS.encode([later], state)["value"]).all()


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20))
@example([0.0, 5e-324])
def test_decoding_turns_targets_back(values: list[float]) -> None:
    state = ARRAYS.fit(values)
    answers = ARRAYS.decode({"value": ARRAYS.encode_truth(values, {}, state)["value"]}, state, {})
    tolerance = 1e-5 * (state.deviation + max(map(abs, values)))
    assert [answer.value for answer in answers] == pytest.approx(values, abs=max(tolerance, 1e-30))


def test_outcomes_are_in_the_outputs_own_unit() -> None:
    state = NumberState(100.0, 10.0)
    outcomes = ARRAYS.outcomes([90.0, None], {"value": np.array([-1.0, 2.0], dtype=np.float32)}, state, {})
    assert outcomes.predicted.tolist() == [90.0, 120.0]
    assert outcomes.truth[0] == 90.0
    assert np.isnan(outcomes.truth[1])
    assert np.isnan(ARRAYS.encode_truth([None], {}, state)["value"][0])


def test_answers_have_no_confidence_and_are_finite() -> None:
    assert ARRAYS.decode({"value": np.array([0.5], dtype=np.float32)}, NumberState(1.0, 2.0), {}) == [
        Answer(2.0)
    ]
    for broken in (np.nan, np.inf):
        with pytest.raises(FloatingPointError):
            ARRAYS.decode({"value": np.array([broken], dtype=np.float32)}, NumberState(1.0, 2.0), {})


def test_an_output_answers_within_its_range():
    state = ARRAYS.fit([0.0, 10.0, 5.0], range=(0.0, 12.0))
    assert ARRAYS.load(ARRAYS.dump(state)) == state
    arrays = {"value": np.array([-9.0, 0.0, 9.0], dtype=np.float32)}
    assert [answer.value for answer in ARRAYS.decode(arrays, state, {})] == [0.0, 5.0, 12.0]
    found = ARRAYS.outcomes([0.0, 5.0, 12.0], arrays, state, {})
    assert found.largest_error == 12.0
    assert found.predicted.tolist() == [0.0, 5.0, 12.0]
    assert ARRAYS.fit([0.0, 10.0]).range is None


@pytest.mark.parametrize("within", [[1.0, 0.0], [1.0], [0.0, 1.0, 2.0], "0..1", [0.0, float("inf")]])
def test_an_absurd_range_is_refused(within):
    dumped = ARRAYS.dump(ARRAYS.fit([0.0, 1.0]))
    with pytest.raises(ValueProblem):
        ARRAYS.load(Dumped({**dumped.data, "range": within}, {}))
