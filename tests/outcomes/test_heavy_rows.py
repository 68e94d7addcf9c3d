"""Rows that carry a tenth or more of the squared error are named."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright import outcomes
from modelwright.outcomes.contract.section import Section, TestRows
from modelwright.outcomes.numbers.outcomes import NumberOutcomes


def named(errors):
    n = len(errors)
    rows = TestRows([f"row-{row}" for row in range(n)], str, lambda row: {}, {})
    section = outcomes.facet("numbers", Section)
    found = section.findings(
        NumberOutcomes(np.zeros(n), np.array(errors)), rows, confidence=0.95, most_mistakes=3
    )
    return list(section.notices("y", found))


@pytest.mark.parametrize(
    ("heavy", "ids", "share"),
    [({7: 10.0}, ["row-7"], "50 %"), ({7: 10.0, 3: -10.0}, ["row-3", "row-7"], "67 %")],
)
def test_the_row_that_carries_the_error_is_named(heavy, ids, share):
    errors = np.ones(101 if len(heavy) == 1 else 102)
    for row, error in heavy.items():
        errors[row] = error
    (notice,) = named(errors)
    assert (notice.id, sorted(notice.values["rows"]), notice.values["share"]) == (
        "numbers.heavy-rows",
        ids,
        share,
    )
    assert ids[0] in notice.found


@pytest.mark.parametrize("errors", [np.ones(100), np.zeros(100), np.array([9.0, 1.0, 1.0]), np.array([])])
def test_where_no_row_does_none_is_named(errors):
    assert named(errors) == []


@pytest.mark.parametrize("beyond", [0, 3])
def test_answers_beyond_the_range_are_said(beyond):
    rows = TestRows([f"row-{row}" for row in range(40)], str, lambda row: {}, {})
    answered = NumberOutcomes(np.zeros(40), np.ones(40), (0.0, 500.0), beyond=np.arange(40) < beyond)
    section = outcomes.facet("numbers", Section)
    found = list(section.notices("y", section.findings(answered, rows, confidence=0.95, most_mistakes=3)))
    assert [(one.id, one.values["count"]) for one in found] == (
        [("numbers.brought-back", beyond)] if beyond else []
    )
    if beyond:
        assert "3 of 40 answers" in found[0].found
        assert "0 to 500" in found[0].found
