"""Slices beside the other rows: measured apart, with the interval of the difference."""

from __future__ import annotations

import numpy as np
import pytest
from requirement_texts import parse

from modelwright.core.signature import Signature
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.reports.sections import slice_grids
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.stages.evaluate.slices_beside import beside, notices
from modelwright.storage.formats.evidence import OutputDetails

SIGNATURE = Signature.parse("f(x: number) -> y: boolean")
ROWS = 2000


def answered(wrong_for_old=0.1, costs=None):
    """Return answers that are wrong for a tenth of the rows, and for another share of those with an age of 60."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, ROWS)
    age = draw.choice([20.0, 40.0, 60.0], ROWS)
    wrong = draw.random(ROWS) < np.where(age == 60, wrong_for_old, 0.1)
    given = np.where(wrong, 1 - truth, truth)
    found = ClassOutcomes(
        ("false", "true"), truth, given, np.eye(2)[given] * 0.8 + 0.1, positive="true", costs=costs
    )
    ages = [None if row < 10 else value for row, value in enumerate(age.tolist())]
    columns = {"x": [0.0] * ROWS, "y": [bool(one) for one in truth], "age": ages}
    return AnsweredRows(SIGNATURE, columns, {"y": found})


def test_a_slice_and_the_rest_share_the_rows_that_can_be_judged():
    (main, *recalls) = beside(answered(), (), ["age >= 60"], 0.95)
    assert [str(one.inside.subject) for one in (main, *recalls)] == [
        "y.accuracy where age >= 60",
        "y.recall[false] where age >= 60",
        "y.recall[true] where age >= 60",
    ]
    assert main.inside.n + main.rest.n == ROWS - 10
    assert main.inside.unjudged == 10
    assert main.apart.value == pytest.approx(main.inside.value - main.rest.value)
    assert main.apart.low < main.apart.value < main.apart.high


def test_only_a_difference_that_is_proved_among_all_is_told():
    assert list(notices(beside(answered(), (), ["age >= 60", "age < 30"], 0.95))) == []
    told = list(notices(beside(answered(0.3), (), ["age >= 60", "age < 30"], 0.95)))
    assert {one.values["subject"] for one in told} == {
        "accuracy where age >= 60",
        "recall[false] where age >= 60",
        "recall[true] where age >= 60",
    }
    assert "worse side" in str(told[0])


def test_more_slices_make_each_difference_surer():
    (one, *_), (other, *_) = (
        beside(answered(), (), slices, 0.95)
        for slices in (["age >= 60"], ["age >= 60", "age < 30", "age == 40"])
    )
    assert other.apart.high - other.apart.low > one.apart.high - one.apart.low
    assert other.inside == one.inside


def test_a_bar_on_a_slice_and_costs_are_measured_so_too():
    bar = parse("recall[true] where age < 30", ">= 0.5", SIGNATURE)
    costs = np.array([[0.0, 1.0, 1.0], [5.0, 0.0, 5.0]])
    found = beside(answered(0.3, costs), [bar], ["age >= 60"], 0.95)
    assert [one.inside.subject.metric for one in found] == ["recall", "cost", "recall", "recall"]
    assert found[1].apart.low > 0
    (grid,) = slice_grids(OutputDetails("y", "classes", {}, slices=found))
    assert grid.rows[0][:2] == ("age < 30", "recall[true]")
    assert "4 intervals" in grid.note
    assert slice_grids(OutputDetails("y", "classes", {})) == ()


def test_rows_without_any_in_the_slice_have_no_difference():
    (main, *_) = beside(answered(), (), ["age > 90"], 0.95)
    assert (main.inside.value, main.inside.n, main.apart.value) == (None, 0, None)
