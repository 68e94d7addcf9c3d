"""Checks of the facet `arrays`, as an output."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.digests import canonical_json
from modelwright.core.outcomes import Outcomes
from modelwright.kinds.contract.common import DECODED, Answer, Array, Form, Role
from modelwright.testing.kinds.tried import (
    Shapes,
    assert_form,
    assert_whole_value,
    fitted,
    lists_of_values,
    present_values,
    quick,
    samples_of,
    through_json,
)

# The arrays of each form (`kinds.contract.common.Form`).
_ANSWERS: Shapes = {
    Form.CODE: {"logits": ("float32", 2)},
    Form.FLAG: {"logit": ("float32", 1)},
    Form.SCALAR: {"value": ("float32", 1)},
    Form.SET: {"logits": ("float32", 2)},
    Form.VECTOR: {"values": ("float32", 2)},
    Form.SERIES: {"quantiles": ("float32", 3)},
    Form.CHOICE: {
        "places": ("int64", 2),
        "scores": ("float32", 2),
        "lexical": ("int64", 2),
        "evidence": ("float32", 2),
    },
    Form.SPANS: {"spans": ("int64", 3), "scores": ("float32", 2), "sure": ("float32", 1)},
    Form.SPAN: {"spans": ("int64", 3), "scores": ("float32", 2)},
    Form.WRITTEN: {},
}
_TRUTHS: Shapes = {
    Form.CODE: {"index": ("int64", 1)},
    Form.FLAG: {"index": ("int64", 1)},
    Form.SCALAR: {"value": ("float32", 1)},
    Form.SET: {"members": ("float32", 2)},
    Form.VECTOR: {"values": ("float32", 2)},
    Form.SERIES: {"steps": ("float32", 2)},
    Form.CHOICE: {"right": ("int64", 2)},
    Form.SPANS: {"spans": ("int64", 3)},
    Form.SPAN: {"spans": ("int64", 3)},
    Form.WRITTEN: {},
}


def check_truths_are_as_its_form_says(name: str) -> None:
    """As an output, truths have the arrays of the form, one row per value, and differ where values differ."""
    arrays = kinds.arrays(name)
    if arrays.output_form is None:
        return
    values = [*samples_of(name).values()]
    state = fitted(name, values, role=Role.OUTPUT)
    assert_form(arrays.answers(state), _ANSWERS[arrays.output_form])
    truths = arrays.encode_truth(values, {}, state)
    for array_name, (dtype, axes) in _TRUTHS[arrays.output_form].items():
        array = truths[array_name]
        assert (array.dtype, array.ndim, len(array)) == (np.dtype(dtype), axes, len(values))
        missing = array < 0 if array.dtype == np.int64 else np.isnan(array)
        for row, value in enumerate(values):
            assert missing[row].all() if value is None else not missing[row].any()
    if not truths:  # they are the values themselves
        return
    rows = {
        row: tuple(np.ravel(array[row]).tolist() for array in truths.values()) for row in range(len(values))
    }
    for one, other in zip(range(len(values)), range(1, len(values)), strict=False):
        if None not in (values[one], values[other]):
            assert (rows[one] == rows[other]) == (values[one] == values[other])


def check_answers_are_values_of_the_kind(name: str) -> None:
    """Each row has an answer, the same alone as among others; its value is canonical, its confidence a share."""
    arrays = kinds.arrays(name)
    if arrays.output_form is None:
        return

    @given(
        values=lists_of_values(name), seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 50.0])
    )
    @quick
    def check(values: list[Any], seed: int, scale: float) -> None:
        state = fitted(name, values, role=Role.OUTPUT)
        answered = some_answers(name, state, len(values), seed, scale)
        answers = arrays.decode(answered, state, {})
        assert len(answers) == len(values)
        for row, answer in enumerate(answers):
            assert isinstance(answer, Answer)
            assert answer.confidence is None or 0.0 <= answer.confidence <= 1.0
            if answer.value is not None:
                assert_whole_value(name, answer.value)
            alone = {one: array[row : row + 1] for one, array in answered.items()}
            assert arrays.decode(alone, state, {}) == [answer]

    check()


def check_outcomes_are_the_answers_that_decode_gives(name: str) -> None:
    """Outcomes hold, row by row, the truth, the answer and the confidence; an answer is right where it equals."""
    arrays = kinds.arrays(name)
    if arrays.output_form is None:
        return

    @given(
        values=lists_of_values(name), seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 50.0])
    )
    @quick
    def check(values: list[Any], seed: int, scale: float) -> None:
        state = fitted(name, values, role=Role.OUTPUT)
        answered = some_answers(name, state, len(values), seed, scale)
        state = arrays.calibrate(answered, values, state)  # a temperature that is not 1
        answers = arrays.decode(answered, state, {})
        given_back = [answer.value for answer in answers]
        assert_outcomes(name, values, answers, arrays.outcomes(values, answered, state, {}))
        assert_outcomes(name, given_back, answers, arrays.outcomes(given_back, answered, state, {}))

    check()


def assert_outcomes(name: str, truths: Sequence[Any], answers: Sequence[Answer], outcomes: Outcomes) -> None:
    """Compare outcomes (n rows) with the truths and with the answers that `decode` gave."""
    assert len(outcomes) == len(answers) == len(truths)
    right = _right(outcomes)
    for row, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        if truth is None or answer.value is None:
            assert not right[row], f"row {row}: without a truth or an answer, nothing is right"
        else:
            is_right = samples_of(name).right(truth, answer.value)
            assert right[row] == is_right, f"row {row}: {truth!r} and {answer.value!r}"
    columns = outcomes.columns()
    for row, answer in enumerate(answers):
        if answer.confidence is not None:
            assert math.isclose(
                float(np.asarray(columns["confidence"])[row]), answer.confidence, rel_tol=1e-9
            )
        _assert_answer(name, columns["answer"][row], answer.value)
    assert len(outcomes.take(np.array([0]))) == 1


def check_calibration_changes_confidence_and_no_answer(name: str) -> None:
    """Calibration on validation changes how confident an answer is, not the answer; and it survives its dump."""
    arrays = kinds.arrays(name)
    if arrays.output_form is None:
        return

    @given(
        values=lists_of_values(name), seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 50.0])
    )
    @quick
    def check(values: list[Any], seed: int, scale: float) -> None:
        state = fitted(name, values, role=Role.OUTPUT)
        answered = some_answers(name, state, len(values), seed, scale)
        calibrated = arrays.calibrate(answered, values, state)
        assert arrays.load(through_json(arrays.dump(calibrated))) == calibrated
        before, after = arrays.decode(answered, state, {}), arrays.decode(answered, calibrated, {})
        assert [answer.value for answer in before] == [answer.value for answer in after]

    check()


def check_every_operating_point_answers_as_its_outcomes_count(name: str) -> None:
    """Moving the point changes answers and no probability; a moved state survives its dump and is told in words."""
    arrays = kinds.arrays(name)
    if arrays.output_form is None:
        return
    values = [*samples_of(name).values()]
    fresh = fitted(name, values, role=Role.OUTPUT)
    answered = some_answers(name, fresh, len(values), seed=1, scale=2.0)
    assert arrays.operating_point(fresh) == (), "each answer of a fresh state is the likeliest"
    labels = [label for value in values if value is not None for label in kinds.value(name).labels(value)]
    moves = arrays.moves(answered, fresh, labels=labels, optional=True)
    assert any(move.abstains for move in moves) == arrays.abstains
    before = arrays.outcomes(values, answered, fresh, {})
    for move in moves:
        states = [*move.states(fresh)]
        assert states
        for state in states:
            assert arrays.load(through_json(arrays.dump(state))) == state
            assert bool(arrays.operating_point(state)) == (state != fresh)
            answers = arrays.decode(answered, state, {})
            found = arrays.outcomes(values, answered, state, {})
            assert_outcomes(name, values, answers, found)
            assert np.array_equal(vars(found)["probabilities"], vars(before)["probabilities"])
            given = [answer.value for answer in answers]
            assert move.abstains or None not in given
        assert len({tuple(a.value for a in arrays.decode(answered, state, {})) for state in states}) > 1
    without = arrays.moves(answered, fresh, labels=labels, optional=False)
    assert not any(move.abstains for move in without), "an output that is not optional always answers"


def some_answers(name: str, state: Any, rows: int, seed: int, scale: float) -> dict[str, Array]:
    """Return what a body might answer: arrays as the kind wants them, or answers that a driver decoded."""
    generator = np.random.default_rng(seed)
    arrays = kinds.arrays(name)
    if arrays.output_form is Form.WRITTEN:
        known = [*present_values(name), None]
        decoded = np.empty(rows, dtype=object)
        decoded[:] = [Answer(known[place]) for place in generator.integers(len(known), size=rows)]
        return {DECODED: decoded}
    return {
        name: (generator.normal(size=[rows, *map(_size, spec.shape[1:])]) * scale).astype(spec.dtype)
        for name, spec in arrays.answers(state).items()
    }


def _size(axis: str | int) -> int:
    return 3 if isinstance(axis, str) else axis


def _right(outcomes: Outcomes) -> list[bool]:
    """Return where truth and answer are equal in all that they consist of, and known: −1 and NaN are not."""
    truth, predicted = np.asarray(vars(outcomes)["truth"]), np.asarray(vars(outcomes)["predicted"])
    if truth.dtype == object:  # of texts
        return [one is not None and one == other for one, other in zip(truth, predicted, strict=True)]
    known = truth >= 0 if np.issubdtype(truth.dtype, np.integer) else truth == truth  # noqa: PLR0124 - NaN is not itself
    equal = (truth == predicted) & known
    return [bool(np.all(equal[row])) for row in range(len(outcomes))]


def _assert_answer(name: str, kept: object, value: Any) -> None:
    """Check the answer that outcomes keep of a row: its JSON, its label, or its labels as JSON; None for none."""
    if value is None:
        assert kept is None
        return
    kind = kinds.value(name)
    found = [kind.to_json(value), *([kind.labels(value)[0]] if len(kind.labels(value)) == 1 else [])]
    found += [canonical_json(list(kind.labels(value))), json.dumps(kind.to_json(value), ensure_ascii=False)]
    assert kept in found, f"outcomes keep {kept!r} of the answer {value!r}"
