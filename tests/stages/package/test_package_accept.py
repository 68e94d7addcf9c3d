"""The rule by which a compressed graph takes the exact one's place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modelwright.core.signature import Signature
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.stages.package.accept import Figures, figures, objection

SIGNATURE = Signature.parse("sort(size: number) -> grade: category, price: number")


def outcomes(right: int, of: int, off: float):
    """Return outcomes of a grade with so many right rows, and of a price that is off by so much everywhere."""
    predicted = np.where(np.arange(of) < right, 0, 1)
    grade = ClassOutcomes(("large", "small"), np.zeros(of, np.int64), predicted, np.full((of, 2), 0.5))
    truth = np.arange(of, dtype=np.float64)
    return {"grade": grade, "price": NumberOutcomes(truth, truth + off)}


def shown(right: int = 9500, off: float = 2.0) -> Figures:
    return figures(SIGNATURE, outcomes(right, 10_000, off), {}, ())


def test_nothing_speaks_against_equal_figures():
    assert objection(shown(), shown()) is None


def test_half_a_point_of_accuracy_is_bearable_and_more_is_not():
    assert objection(shown(), shown(right=9451)) is None
    assert "accuracy of grade goes from 0.95 to 0.944" in str(objection(shown(), shown(right=9440)))


def test_a_growing_error_of_a_number_is_bounded_too():
    assert objection(shown(), shown(off=2.009)) is None
    assert "rmse of price goes from 2 to 2.02" in str(objection(shown(), shown(off=2.02)))


def test_a_better_graph_is_no_objection():
    assert objection(shown(), shown(right=10_000, off=0.0)) is None


def test_a_requirement_that_the_exact_graph_keeps_must_be_kept():
    bar = "grade.recall[small] >= 0.9"
    exact = Figures({}, {bar: 0.92}, frozenset({bar}))
    lost = replace(exact, required={bar: 0.89}, kept=frozenset())
    assert "does not keep `grade.recall[small] >= 0.9`: 0.89" in str(objection(exact, lost))
    assert "no value" in str(objection(exact, replace(lost, required={bar: None})))
    assert objection(lost, lost) is None  # what the exact graph does not keep, the other need not
