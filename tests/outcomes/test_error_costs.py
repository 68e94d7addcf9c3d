"""What errors cost: how it is declared, what rows cost, and what a report shows of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelwright import kinds, outcomes
from modelwright.core.evidence.measure import measure, measure_difference
from modelwright.core.evidence.measurement import Subject
from modelwright.core.requirements import error_costs
from modelwright.outcomes.classes.cost_section import cost_findings, drawn_costs
from modelwright.outcomes.classes.error_cost import COST
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.baseline import BaselineModels, Truths

CLASSES = ("bad", "good")
COSTS = error_costs.read("risk", {"bad": 5, "good": 1})[0]
SUBJECT = Subject("cost", "risk")


def answered(rows=400, seed=0, costs=COSTS):
    """Return outcomes of a rare class, answered by costs where there are any."""
    draw = np.random.default_rng(seed)
    bad = draw.random(rows) < 0.3
    score = draw.normal(size=rows) + 1.2 * bad
    logits = np.stack([1.2 * score - 0.72 + np.log(3 / 7), np.zeros(rows)], axis=1).astype(np.float32)
    arrays = kinds.arrays("category")
    state = arrays.fit(CLASSES)
    if costs is not None:
        state = arrays.by_costs(arrays.priced(state, costs))
    return arrays.outcomes([CLASSES[0 if one else 1] for one in bad], {"logits": logits}, state, {})


def test_the_cost_is_the_mean_over_rows_and_its_interval_holds():
    every = answered(200_000).row_costs()
    assert every.mean() == pytest.approx(measure(SUBJECT, COST, answered(200_000), 0.95).value)
    draw, missed = np.random.default_rng(1), 0
    whole = answered(200_000)
    for _ in range(200):
        one = measure(SUBJECT, COST, whole.take(draw.integers(0, 200_000, 150)), 0.95)
        missed += not one.low <= every.mean() <= one.high
    assert missed <= 18  # of 200 at 95 %: more than that has a chance below 1 %


def test_rows_of_a_group_count_together():
    few = answered(60)
    repeated = few.take(np.repeat(np.arange(60), 5))  # five of each row, which is no more than one
    plain = measure(SUBJECT, COST, repeated, 0.95)
    grouped = measure(SUBJECT, COST, repeated, 0.95, np.repeat(np.arange(60), 5))
    assert (grouped.value, grouped.groups) == (plain.value, 60)
    assert grouped.high - grouped.low > 1.8 * (plain.high - plain.low)  # of five: the root, 2.2


def test_what_costs_nothing_yet_keeps_an_open_interval_within_what_there_can_be():
    right = replace(answered(20), predicted=answered(20).truth)
    found = measure(SUBJECT, COST, right, 0.95)
    assert found.value == 0.0
    assert 0.3 < found.high <= 5.0


def test_without_costs_there_is_no_cost():
    assert measure(SUBJECT, COST, answered(costs=None), 0.95).value is None
    assert cost_findings(answered(costs=None), 0.95, None) is None


def test_a_truth_or_an_answer_that_is_none_of_the_classes_costs_as_the_dearest():
    costs = np.array(COSTS.matrix(CLASSES))
    found = ClassOutcomes(
        CLASSES, np.array([-1, 0, 1]), np.array([1, -1, -1]), np.full((3, 2), 0.5), costs=costs
    )
    assert found.row_costs().tolist() == [5.0, 5.0, 1.0]


def test_a_champion_is_judged_by_our_costs():
    ours, theirs = answered(), answered(costs=error_costs.read("risk", {"bad": 1, "good": 1})[0])
    both = theirs.aligned(to=ours)
    assert both.row_costs().max() == 5.0
    assert measure_difference(SUBJECT, COST, ours, both, 0.95).high < 0


def test_other_rules_stand_beside_the_one_that_answers():
    found = answered(2000)
    sealed = cost_findings(found, 0.95, None)
    by_rule = {one.always: one for one in sealed.rules}
    bad = float((found.truth == 0).mean())
    assert by_rule["good"].cost.value == pytest.approx(5 * bad)
    assert by_rule["bad"].cost.value == pytest.approx(1 - bad)
    ours = float(found.row_costs().mean())
    assert by_rule[None].dearer.value == pytest.approx(by_rule[None].cost.value - ours)
    assert by_rule[None].dearer.low > 0
    # the dot lies on the curve, and no threshold is far below it: the costs' own is near the best
    cut, paid = sealed.at
    assert sealed.of == "bad"
    assert paid == pytest.approx(ours)
    near = min(range(len(sealed.cuts)), key=lambda place: abs(sealed.cuts[place] - cut))
    assert sealed.paid[near] == pytest.approx(paid, abs=0.03)
    assert min(sealed.paid) > 0.9 * paid
    assert (sealed.paid[0], sealed.paid[-1]) == pytest.approx((5 * bad, 1 - bad), abs=1e-4)


def test_a_report_draws_rules_curve_and_costs():
    blocks = [
        *drawn_costs(cost_findings(answered(), 0.95, None), CLASSES, measure(SUBJECT, COST, answered(), 0.95))
    ]
    assert [type(block).__name__ for block in blocks] == ["Grid", "LineChart", "Grid"]
    assert blocks[1].top == max(blocks[1].lines[0].y)
    assert blocks[2].rows == (("bad", "0", "5"), ("good", "1", "0"))


def test_baselines_know_the_costs():
    models, reference = outcomes.facet("classes", BaselineModels), answered()
    truths = Truths(["good"] * 7 + ["bad"] * 3, [("good",)] * 7 + [("bad",)] * 3)
    same, says = models.constant(truths, reference)
    assert {CLASSES[one] for one in same.predicted} == {"bad"}  # 0.7 a row, where always good costs 1.5
    assert says.values["answer"] == "bad"
    assert same.confidence == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("declared", "ids"),
    [
        ({"bad": 5, "good": 1}, []),
        ({"bad": {"good": 5}, "*": 1}, []),
        ({"bad": 5}, ["costs.missing"]),
        ({"bad": 0, "good": 0}, ["costs.none"]),
        ({"bad": {"*": 5, "null": 1}, "good": 1}, ["costs.unknown-class"]),  # it never abstains
        ({"bd": 5, "good": 1}, ["costs.unknown-class", "costs.missing"]),
        ({"bad": {"god": 5}, "good": 1}, ["costs.unknown-class", "costs.missing"]),
    ],
)
def test_costs_are_checked_beside_the_classes(declared, ids):
    costs, wrong = error_costs.read("risk", declared)
    assert not wrong
    assert [problem.id for _, problem in costs.problems(CLASSES, optional=False)] == ids


def test_an_output_that_may_abstain_says_what_no_answer_costs():
    ((keys, problem),) = COSTS.problems(CLASSES, optional=True)
    assert (keys, problem.id) == (("risk",), "costs.missing")
    assert "may abstain" in problem.found
