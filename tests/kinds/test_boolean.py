from __future__ import annotations

import numpy as np
import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.contract.common import Answer

BOOLEAN = kinds.value("boolean")
ARRAYS = kinds.arrays("boolean")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("yes", True),
        (" NO ", False),
        ("True", True),
        ("f", False),
        ("1", True),
        (0, False),
        (1.0, True),
        ("", None),
    ],
)
def test_lenient_reads_words_and_digits(cell: object, value: bool | None) -> None:
    assert BOOLEAN.parse(cell, lenient=True) is value


@pytest.mark.parametrize("cell", ["maybe", "2", 2, -1, 0.5, float("nan"), "ja", [True]])
def test_lenient_refuses_the_rest(cell: object) -> None:
    with pytest.raises(ValueProblem, match="must be yes or no"):
        BOOLEAN.parse(cell, lenient=True)


def test_encodes_values_and_missing_ones() -> None:
    arrays = ARRAYS.encode([True, False, None], BooleanState())
    assert arrays["value"].tolist() == [1, 0, 0]
    assert arrays["missing"].tolist() == [0, 0, 1]
    assert ARRAYS.encode_truth([True, False, None], {}, BooleanState())["index"].tolist() == [1, 0, -1]


def test_confidence_is_that_of_the_given_answer() -> None:
    logit = np.array([2.0, -2.0, 0.0], dtype=np.float32)
    answers = ARRAYS.decode({"logit": logit}, BooleanState(), {})
    share = 1 / (1 + np.exp(-2))
    assert [answer.value for answer in answers] == [True, False, True]
    assert [answer.confidence for answer in answers] == pytest.approx([share, share, 0.5])
    assert ARRAYS.decode({"logit": np.array([-3e38], dtype=np.float32)}, BooleanState(), {}) == [
        Answer(False, 1.0)
    ]


def test_outcomes_are_of_the_classes_false_and_true() -> None:
    logit = np.array([1.0, -1.0], dtype=np.float32)
    outcomes = ARRAYS.outcomes([False, None], {"logit": logit}, BooleanState(temperature=2.0), {})
    assert outcomes.classes == ("false", "true")
    assert outcomes.truth.tolist() == [0, -1]
    assert outcomes.predicted.tolist() == [1, 0]
    assert outcomes.probabilities.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert outcomes.probabilities[0, 1] == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_calibration_finds_the_temperature_that_made_the_labels() -> None:
    rng = np.random.default_rng(3)
    true_logit = rng.normal(size=20_000) * 2
    truth = rng.random(20_000) < 1 / (1 + np.exp(-true_logit))
    logit = (true_logit * 3).astype(np.float32)
    state = ARRAYS.calibrate({"logit": logit}, truth.tolist(), BooleanState())
    assert state.temperature == pytest.approx(3.0, rel=0.05)
