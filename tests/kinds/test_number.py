from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import FAR, Answer, Dumped, Form, Role
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
    state = ARRAYS.fit(values, role=Role.OUTPUT)
    assert state.mean == pytest.approx(1_700_000_002.0)
    assert state.deviation == pytest.approx(np.sqrt(2.0))
    arrays = ARRAYS.encode([*values, None], state)
    assert arrays["value"][:5] == pytest.approx((np.arange(5) - 2) / np.sqrt(2.0), abs=1e-6)
    assert (arrays["value"][5], arrays["missing"].tolist()) == (0.0, [0, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("constant", [0.0, 0.1, -7.0, 1e300, 5e-324])
def test_a_constant_column_has_deviation_one(constant: float) -> None:
    for role in Role:
        state = ARRAYS.fit([constant] * 10, role=role)
        assert (state.mean, state.deviation) == (pytest.approx(constant), 1.0)
    assert ARRAYS.encode([constant], state)["value"] == pytest.approx([0.0], abs=1e-6 + abs(constant) * 1e-15)


def test_nothing_to_fit_on() -> None:
    assert ARRAYS.fit([None, None], role=Role.OUTPUT) == NumberState(0.0, 1.0)
    assert ARRAYS.fit([]) == NumberState(0.0, 1.0, limit=FAR)


@given(st.lists(FLOATS, min_size=1, max_size=20), FLOATS)
def test_arrays_are_finite_for_any_floats(training: list[float], later: float) -> None:
    state = ARRAYS.fit(training)
    assert np.isfinite([state.mean, state.deviation]).all()
    assert state.deviation > 0
    assert np.isfinite(ARRAYS.encode([later], state)["value"]).all()


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20))
@example([0.0, 5e-324])
def test_decoding_turns_targets_back(values: list[float]) -> None:
    state = ARRAYS.fit(values, role=Role.OUTPUT)
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
    state = ARRAYS.fit([0.0, 10.0, 5.0], role=Role.OUTPUT, range=(0.0, 12.0))
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


# -- the middle --------------------------------------------------------------------------------------------

USUAL = np.random.default_rng(2).normal(50, 8, size=1000).tolist()


@pytest.mark.parametrize("fill", [1e37, -1e37, -999.0, 1e308, 99_999.0])
@pytest.mark.parametrize("count", [0, 3, 30, 200])
def test_far_values_do_not_squeeze_the_others(fill: float, count: int) -> None:
    state = ARRAYS.fit([*USUAL, *[fill] * count])
    assert state.mean == pytest.approx(50, abs=4)
    assert state.deviation == pytest.approx(8, rel=0.6)
    values = ARRAYS.encode([*USUAL, fill], state)["value"]
    assert len(np.unique(values[:-1])) == len(set(USUAL))
    assert abs(values[-1]) == FAR


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([*USUAL, *[1e37] * 10], [("1e+37", 10)]),
        ([*USUAL, *[-999.0] * 5], [("-999", 5)]),
        ([*USUAL, *[-9999.0] * 5, *[9999.0] * 4], [("-9999", 5), ("9999", 4)]),
        ([*USUAL, *[150.0] * 3], [("150", 3)]),  # as 999 among ages
        ([*USUAL, 1e37], []),  # once is no pattern
        ([*USUAL, *[100.0, 110.0, 120.0, 130.0, 140.0, 150.0] * 3], []),  # not alone
        ([*USUAL, *[70.0] * 50], []),
        (USUAL, []),
        ([], []),
        ([1.0] * 10, []),
        ([None, 0.0, 1.0] * 50, []),
        (np.exp(np.random.default_rng(4).normal(0, 2, size=1000)).tolist(), []),  # a long tail
    ],
)
def test_fill_values_stand_out(values: list[float | None], found: list[tuple[str, int]]) -> None:
    assert ARRAYS.standing_out(values) == found


def test_amounts_are_the_numbers_themselves() -> None:
    values = [2.0**53, 1e-300, 1e37, 123_456_789.01, None]
    with_gaps = ARRAYS.fit(values, form=Form.AMOUNT)
    np.testing.assert_array_equal(
        ARRAYS.encode(values, with_gaps)["amount"], np.array([*values[:4], np.nan], np.float64)
    )
    without = ARRAYS.fit([3.0, 1.0, 2.0], form=Form.AMOUNT)
    assert ARRAYS.encode([None, 7.0], without)["amount"].tolist() == [2.0, 7.0]


def test_a_state_of_an_earlier_package_is_read() -> None:
    state = ARRAYS.load(Dumped({"mean": 1.0, "deviation": 2.0}, {}))
    assert ARRAYS.encode([201.0], state)["value"].tolist() == [100.0]


@pytest.mark.parametrize("form", [Form.SCALAR, Form.AMOUNT])
@pytest.mark.parametrize(
    ("training", "far", "near"),
    [
        ([20.0, 80.0, 50.0], [-10.1, 110.1, 1e300, -1e300], [-10.0, 110.0, 20.0, 50.0]),
        ([5.0, None, 5.0], [5.0001, 4.0, 0.0], [5.0, 5.0 + 1e-13]),
        ([0.0], [1e-300, -1.0], [0.0]),
        ([-1.7e308, 1.7e308], [], [-1.79e308, 1.79e308, 0.0]),  # whose distance is infinite
        ([None], [], [0.0, 1e300]),
    ],
)
def test_a_number_far_outside_of_training_is_unseen(
    form: Form, training: list[float | None], far: list[float], near: list[float]
) -> None:
    state = ARRAYS.fit(training, role=Role.INPUT, form=form)
    for known in (state, ARRAYS.load(ARRAYS.dump(state))):
        assert ARRAYS.unseen([*far, *near, None], known) == [True] * len(far) + [False] * (len(near) + 1)
    present = [value for value in training if value is not None]
    assert ARRAYS.span(state) == ((min(present), max(present)) if present else None)


@pytest.mark.parametrize("form", [Form.SCALAR, Form.AMOUNT])
def test_a_state_of_an_earlier_version_calls_no_number_unseen(form: Form) -> None:
    dumped = ARRAYS.dump(ARRAYS.fit([1.0, 2.0], role=Role.INPUT, form=form))
    state = ARRAYS.load(Dumped({k: v for k, v in dumped.data.items() if k != "span"}, {}))
    assert ARRAYS.span(state) is None
    assert ARRAYS.unseen([1e9, None], state) == [False, False]


@pytest.mark.parametrize("span", [[2.0, 1.0], [1.0], [1.0, float("inf")], "1 2", [None, 1.0]])
@pytest.mark.parametrize("form", [Form.SCALAR, Form.AMOUNT])
def test_an_absurd_span_is_refused(form: Form, span: object) -> None:
    dumped = ARRAYS.dump(ARRAYS.fit([1.0, 2.0], role=Role.INPUT, form=form))
    with pytest.raises(ValueProblem):
        ARRAYS.load(Dumped({**dumped.data, "span": span}, {}))


def test_answers_beyond_a_declared_range_are_counted_where_they_are_brought_back() -> None:
    state = ARRAYS.fit([10.0, 20.0, 30.0], role=Role.OUTPUT, range=(0.0, 40.0))
    ends = np.array([-1.0, 0.0, 20.0, 40.0, 41.0, 40.0 + 1e-6])
    body = {"value": (ends - state.mean) / state.deviation}
    found = ARRAYS.outcomes([20.0] * 6, body, state, {})
    assert found.predicted.tolist() == [0.0, 0.0, 20.0, 40.0, 40.0, 40.0]
    assert found.beyond.tolist() == [True, False, False, False, True, False]
    assert found.take(np.array([0, 2])).beyond.tolist() == [True, False]
    free = ARRAYS.fit([10.0, 20.0], role=Role.OUTPUT)
    assert ARRAYS.outcomes([1.0], {"value": np.array([9.0])}, free, {}).beyond is None
