"""The edge of a threshold is one edge: what `decode` answers is what `outcomes` count, to the last bit."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from modelwright import kinds
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.choice.arrays import DEPTH, ChoiceState
from modelwright.kinds.contract.common import Form
from modelwright.kinds.shared.confidence import softmax

LOGITS = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


def test_every_kind_with_a_threshold_is_tried_here():
    with_one = []
    for name in kinds.names():
        arrays = kinds.arrays(name)
        if arrays.output_form in {None, Form.WRITTEN}:
            continue
        state = arrays.fit(["a", "b"] if name == "category" else [], role="input")
        if any(field.name == "threshold" for field in fields(state)):
            with_one.append(name)
    assert with_one == ["boolean", "category", "choice", "span"]


@pytest.mark.parametrize("temperature", [0.37, 1.0, 1.7])
@pytest.mark.parametrize("row", range(0, 200, 20))
def test_decode_and_outcomes_agree_exactly_at_the_threshold(temperature, row):
    arrays = kinds.arrays("category")
    at = float(softmax(LOGITS, temperature).max(axis=1)[row])  # the confidence of this row is the threshold
    for threshold in (np.nextafter(at, 0.0), at, np.nextafter(at, 1.0)):
        state = CategoryState(("a", "b", "c"), temperature, float(threshold))
        answers = arrays.decode({"logits": LOGITS}, state, {})
        outcomes = arrays.outcomes([None] * 200, {"logits": LOGITS}, state, {})
        given = [None if place < 0 else state.classes[place] for place in outcomes.predicted.tolist()]
        assert [answer.value for answer in answers] == given
        assert (answers[row].value is not None) == (threshold <= at)


@pytest.mark.parametrize("temperature", [0.37, 1.0, 1.7])
@pytest.mark.parametrize("row", range(0, 200, 20))
def test_a_truth_value_too_agrees_exactly_at_its_threshold_and_beyond_its_cut(temperature, row):
    arrays = kinds.arrays("boolean")
    logit = {"logit": LOGITS[:, 0]}
    for cut in (0.2, 0.5, 0.9):
        plain = BooleanState(temperature, cut)
        at = arrays.decode(logit, plain, {})[row].confidence
        for threshold in (np.nextafter(at, 0.0), at, np.nextafter(at, 1.0)):
            state = BooleanState(temperature, cut, float(threshold))
            answers = arrays.decode(logit, state, {})
            places = arrays.outcomes([None] * 200, logit, state, {}).predicted.tolist()
            assert [answer.value for answer in answers] == [None if p < 0 else bool(p) for p in places]
            assert (answers[row].value is not None) == (threshold <= at)


def test_without_a_threshold_every_row_is_answered():
    state = CategoryState(("a", "b", "c"))
    outcomes = kinds.arrays("category").outcomes([None] * 200, {"logits": LOGITS}, state, {})
    assert (outcomes.predicted >= 0).all()
    never = replace(state, threshold=1.0)
    answers = kinds.arrays("category").decode({"logits": LOGITS}, never, {})
    assert all(answer.value is None for answer in answers)


@pytest.mark.parametrize("row", range(0, 200, 20))
def test_a_choice_agrees_exactly_at_its_threshold(row):
    kind = kinds.arrays("choice")
    plain = ChoiceState.of(("a", "b", "c"), (0, 1, 2))
    draw = np.random.default_rng(1)
    places = np.array([draw.permutation(DEPTH) for _ in range(200)])
    evidence = draw.normal(size=(200, len(plain.sureness) - 1))
    arrays = {"places": places, "scores": np.ones(places.shape), "lexical": places, "evidence": evidence}
    at = kind.decode(arrays, plain, {})[row].confidence
    for threshold in (np.nextafter(at, 0.0), at, np.nextafter(at, 1.0)):
        state = replace(plain, threshold=float(threshold))
        answers = [answer.value for answer in kind.decode(arrays, state, {})]
        predicted = kind.outcomes([None] * 200, arrays, state, {}).predicted.tolist()
        assert answers == [None if place < 0 else frozenset({state.id_at(place)}) for place in predicted]
        known = places[row, 0] < 3  # the best of the row is a passage of the corpus
        assert (answers[row] is not None) == (known and threshold <= at)


def test_a_truth_value_turns_at_a_logit_of_zero():
    arrays = kinds.arrays("boolean")
    state = arrays.fit([True, False])
    logit = np.array([0.0, -0.0, np.nextafter(np.float32(0), np.float32(-1)), 3.0], dtype=np.float32)
    answers = [answer.value for answer in arrays.decode({"logit": logit}, state, {})]
    outcomes = arrays.outcomes([None] * 4, {"logit": logit}, state, {})
    assert answers == [True, True, False, True]
    assert [bool(place) for place in outcomes.predicted.tolist()] == answers
