from __future__ import annotations

import numpy as np
import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.contract.common import Answer, Role
from modelwright.outcomes.classes.outcomes import ClassOutcomes

CATEGORY = kinds.value("category")
ARRAYS = kinds.arrays("category")
STATE = CategoryState(("a", "b", "é"))


def log_loss(logits: np.ndarray, truth: np.ndarray, state: CategoryState) -> float:
    outcomes = ARRAYS.outcomes([state.classes[t] for t in truth], {"logits": logits}, state, {})
    assert isinstance(outcomes, ClassOutcomes)
    return float(-np.log(outcomes.probabilities[np.arange(len(truth)), truth]).mean())


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("1", "1"),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        (" new  york ", "new york"),
        ("", None),
    ],
)
def test_codes_of_typed_tables_are_text_in_lenient_reading(cell: object, name: str | None) -> None:
    assert CATEGORY.parse(cell, lenient=True) == name


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("trained", "given", "place"),
    [
        (["1", "2"], "1", 0),
        (["1", "2"], "1.0", 0),
        (["1", "2"], " 2.000 ", 1),
        (["1", "2"], 1, 0),
        (["1", "2"], 2.0, 1),
        (["-1", "0"], "-1.0", 0),
        (["0", "1"], -0.0, 0),
        (["1.0", "2.0"], "1", 0),
        (["1.0", "2.0"], 2, 1),
        (["true", "false"], "True", 1),
        (["True", "False"], True, 1),
        (["TRUE", "FALSE"], "false", 0),
        # versions stay what they are, as do codes with leading zeros, and what only looks near
        (["1", "1.0"], "1", 0),
        (["1", "1.0"], "1.0", 1),
        (["1.0", "1.1"], "1.10", -1),
        (["7", "8"], "007", -1),
        (["007"], "7.0", -1),
        (["true", "True"], "TRUE", -1),
        (["1", "2"], "3.0", -1),
        (["1", "2"], 1.5, -1),
        (["1", "2"], "1.", -1),
        (["1", "2"], "١.0", -1),
        (["1", "2"], "x", -1),
    ],
)
def test_a_code_is_the_same_in_every_spelling_that_leaves_no_doubt(
    trained: list[str], given: object, place: int, lenient: bool
) -> None:
    state = ARRAYS.fit(trained)
    value = CATEGORY.parse(given, lenient=lenient)
    assert ARRAYS.encode([value], state)["index"].tolist() == [place + 1]
    assert ARRAYS.unseen([value, None], state) == [place < 0, False]
    if len(trained) > 1:
        logits = np.zeros((1, len(trained)), dtype=np.float32)
        (truth,) = ARRAYS.outcomes([value], {"logits": logits}, state, {}).truth.tolist()
        assert truth == place


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), [1], b"a"])
def test_refuses_what_is_no_name(cell: object) -> None:
    with pytest.raises(ValueProblem):
        CATEGORY.parse(cell, lenient=True)


def test_classes_are_sorted_by_code_point_and_missing_ones_are_none() -> None:
    state = ARRAYS.fit(["é", None, "b", "Z", "a", "b"])
    assert state.classes == ("Z", "a", "b", "é")


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["low", "high", "10"], ["10", "high", "low"]),
        (["nan", "2", "1"], ["1", "2", "nan"]),
        ([], []),
    ],
)
def test_codes_have_the_order_of_what_they_stand_for(names: list[str], ordered: list[str]) -> None:
    state = ARRAYS.fit(names)
    ranks = ARRAYS.specs(state)["index"].ranks
    assert ranks[0] == -1
    codes = ARRAYS.encode(ordered, state)["index"]
    assert [ranks[code] for code in codes] == list(range(len(ordered)))


def test_an_output_needs_two_classes_and_an_input_none() -> None:
    assert ARRAYS.fit(["a", "a"]).classes == ("a",)
    assert ARRAYS.fit([]).classes == ()
    with pytest.raises(ValueProblem, match="at least two classes"):
        ARRAYS.fit(["a", None], role=Role.OUTPUT)
    with pytest.raises(ValueProblem, match="at least two classes"):
        ARRAYS.encode_truth([], {}, CategoryState(("a",)))["index"]
    with pytest.raises(ValueProblem, match="threshold"):
        ARRAYS.fit(["a", "b"], threshold=1.5)


def test_index_zero_is_missing_or_unseen() -> None:
    assert ARRAYS.encode(["a", "é", None, "unseen"], STATE)["index"].tolist() == [1, 3, 0, 0]
    assert ARRAYS.encode_truth(["a", "é", None, "unseen"], {}, STATE)["index"].tolist() == [0, 2, -1, -1]


def test_confidence_is_the_softmax_at_the_temperature() -> None:
    logits = np.array([[0.0, 2.0, 0.0]], dtype=np.float32)
    plain = ARRAYS.decode({"logits": logits}, STATE, {})[0]
    assert plain.value == "b"
    assert plain.confidence == pytest.approx(np.exp(2) / (np.exp(2) + 2))
    warm = ARRAYS.decode({"logits": logits}, CategoryState(STATE.classes, temperature=2.0), {})[0]
    assert warm.confidence == pytest.approx(np.exp(1) / (np.exp(1) + 2))


def test_abstains_below_the_threshold_only() -> None:
    logits = np.array([[0.0, 9.0, 0.0], [0.1, 0.0, 0.0]], dtype=np.float32)
    state = CategoryState(STATE.classes, threshold=0.9)
    answers = ARRAYS.decode({"logits": logits}, state, {})
    assert [answer.value for answer in answers] == ["b", None]
    assert answers[1].confidence == pytest.approx(0.356, abs=0.001)
    outcomes = ARRAYS.outcomes(["b", "a"], {"logits": logits}, state, {})
    assert outcomes.predicted.tolist() == [1, -1]


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 6.0])
def test_calibration_finds_the_temperature_that_made_the_labels(sharpness: float) -> None:
    rng = np.random.default_rng(7)
    true_logits = rng.normal(size=(20_000, 3)) * 1.5
    noise = rng.gumbel(size=true_logits.shape)
    truth = (true_logits + noise).argmax(axis=1)  # drawn from softmax(true_logits)
    logits = (true_logits * sharpness).astype(np.float32)
    state = ARRAYS.calibrate({"logits": logits}, [STATE.classes[t] for t in truth], STATE)
    assert state.temperature == pytest.approx(sharpness, rel=0.05)
    assert log_loss(logits, truth, state) <= log_loss(logits, truth, STATE) + 1e-9


def test_calibration_is_guarded() -> None:
    logits = np.eye(3, dtype=np.float32)
    perfect = ARRAYS.calibrate({"logits": logits}, list(STATE.classes), STATE)
    assert 0.05 <= perfect.temperature < 1.0
    confident = ARRAYS.decode({"logits": logits}, perfect, {})[0].confidence
    assert confident is not None
    assert confident < 0.95  # three right answers are no reason to be certain
    assert ARRAYS.calibrate({"logits": logits}, [None, "unseen", None], STATE).temperature == 1.0
    assert ARRAYS.calibrate({"logits": logits * 0}, ["a", "b", "a"], STATE).temperature == 1.0
    assert ARRAYS.calibrate({"logits": logits[:0]}, [], STATE).temperature == 1.0
    worse = ARRAYS.calibrate({"logits": logits}, ["b", "é", "a"], STATE)
    assert worse.temperature == 20.0


def test_a_body_that_answers_no_numbers_is_a_fault() -> None:
    logits = np.array([[0.0, np.nan, 0.0]], dtype=np.float32)
    with pytest.raises(FloatingPointError):
        ARRAYS.decode({"logits": logits}, STATE, {})
    with pytest.raises(FloatingPointError):
        ARRAYS.calibrate({"logits": logits}, ["a"], STATE)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[3e38, -3e38, 0.0]], dtype=np.float32)
    assert ARRAYS.decode({"logits": logits}, STATE, {}) == [Answer("a", 1.0)]
