"""The rule by which a compressed graph takes the exact one's place."""

from __future__ import annotations

from dataclasses import replace

from modelwright.stages.package.accept import Figures, objection

EXACT = Figures(
    {"grade": 0.95},
    {"price": 2.0},
    {"grade.recall[small] >= 0.9": 0.92},
    frozenset({"grade.recall[small] >= 0.9"}),
)


def test_nothing_speaks_against_equal_figures():
    assert objection(EXACT, EXACT) is None


def test_half_a_point_of_accuracy_is_bearable_and_more_is_not():
    assert objection(EXACT, replace(EXACT, accuracy={"grade": 0.9451})) is None
    assert "0.9500 to 0.9440" in objection(EXACT, replace(EXACT, accuracy={"grade": 0.944}))


def test_a_growing_error_of_a_number_is_bounded_too():
    assert objection(EXACT, replace(EXACT, rmse={"price": 2.009})) is None
    assert "rmse" in objection(EXACT, replace(EXACT, rmse={"price": 2.02}))


def test_a_requirement_that_the_exact_graph_keeps_must_be_kept():
    lost = replace(EXACT, required={"grade.recall[small] >= 0.9": 0.89}, kept=frozenset())
    assert "grade.recall[small]" in objection(EXACT, lost)
    assert objection(lost, lost) is None  # what the exact graph does not keep, the other need not
