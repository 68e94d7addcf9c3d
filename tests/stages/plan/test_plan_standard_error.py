"""Of learners whose answers differ by no more than chance, the one that is cheapest to serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelwright.core.evidence.metric import Influence
from modelwright.stages.plan.learner_scores import reason
from modelwright.stages.plan.standard_error import Contender, expected_errors, ranked
from modelwright.storage.formats.plan import Comparison, LearnerScores, ValidationScore

FAST, SLOW = (1e-4, 10**5), (5e-2, 10**7)  # seconds of a request, bytes


def answered(
    name: str, right: np.ndarray, cost: tuple[float, int] = FAST, also: tuple[str, ...] = ()
) -> Contender:
    """Return a learner whose answers are right where (n,) says so."""
    score = ValidationScore("y", "accuracy", float(right.mean()), len(right))
    influence = Influence(float(right.mean()), right - right.mean())
    return Contender(LearnerScores(name, also, (score,), 0.1), (influence,), *cost)


def right_in(n: int, wrong: int, first: int = 0) -> np.ndarray:
    """Return n answers of which so many are wrong, one after the other."""
    found = np.ones(n)
    found[first : first + wrong] = 0
    return found


@pytest.mark.parametrize(
    ("wrong", "first", "taken"),
    [
        (20, 100, "linear"),  # as many errors, on other rows
        (24, 100, "linear"),  # 4 more of 44 that differ: 4 against a standard error of 6.6
        (30, 100, "trees"),  # 10 more, against 7.1
        (21, 0, "linear"),  # 1 more on one row that differs: against 1
        (23, 0, "trees"),  # 3 more, against 1.7, for the others are the same rows
        (10, 100, "linear"),  # the cheap one is the better one
    ],
)
def test_within_one_standard_error_the_cheaper_one_is_taken(wrong: int, first: int, taken: str) -> None:
    trees = answered("trees", right_in(1000, 20), SLOW)
    linear = answered("linear", right_in(1000, wrong, first))
    for tried in ([trees, linear], [linear, trees]):
        found = ranked(tried)
        assert found[0].learner == taken
        best = next(one for one in found if one.standard_error is None)
        assert (best.behind, best.alike) == (0.0, True)
        other = found[0] if best is found[1] else found[1]
        assert other.standard_error > 0
        assert other.alike == (other.behind <= other.standard_error * (1 + 1e-9))


def test_a_dearer_one_is_taken_only_where_it_is_clearly_better() -> None:
    clearly = [answered("linear", right_in(1000, 50)), answered("trees", right_in(1000, 20, 500), SLOW)]
    assert [one.learner for one in ranked(clearly)] == ["trees", "linear"]
    why = reason(Comparison(10, 1000, 0.2, ranked(clearly))).found
    assert "it answers 1,000 validation rows best" in why
    hardly = [clearly[0], answered("trees", right_in(1000, 45, 500), SLOW)]
    why = reason(Comparison(10, 1000, 0.2, ranked(hardly))).found
    assert "trees answers best" in why
    assert "cheaper to serve" in why


@pytest.mark.parametrize(
    ("costs", "taken"),
    [
        # b is the quickest, a less than four times as slow and smaller
        ([(1e-2, 900), (5e-3, 1000), (3e-2, 10)], "a"),
        ([(1e-2, 900), (1e-3, 1000), (2e-2, 10)], "b"),
        ([(4e-3, 900), (1e-4, 1000), (6e-3, 10)], "a"),  # what takes less than 5 ms is quick enough
        ([(1e-3, 900), (1e-3, 900), (1e-3, 900)], "a"),  # no difference: the best, then as they were
    ],
)
def test_the_quickest_is_the_cheapest_and_of_about_equally_quick_ones_the_smallest(
    costs: list[tuple[float, int]], taken: str
) -> None:
    tried = [
        answered(name, right_in(200, 9, 20 * place), cost)
        for place, (name, cost) in enumerate(zip("abc", costs, strict=True))
    ]
    assert ranked(tried)[0].learner == taken


def test_the_errors_of_several_outputs_are_added_as_shares_of_the_worst() -> None:
    def scored(name: str, *values: float | None) -> LearnerScores:
        metrics = ("accuracy", "rmse")
        scores = tuple(ValidationScore(f"y{i}", metrics[i], value, 10) for i, value in enumerate(values))
        return LearnerScores(name, (), scores, 0.1)

    assert expected_errors([scored("a", 0.9), scored("b", 0.95)]) == pytest.approx([1, 0.5])
    assert expected_errors([scored("a", 1.0), scored("b", 1.0)]) == [0, 0]
    assert expected_errors([scored("a", None), scored("b", 0.1)]) == [2, 1]
    found = expected_errors([scored("a", 0.9, 10.0), scored("b", 0.95, 100.0)])
    assert found == pytest.approx([1.1, 1.5])


def test_what_has_no_value_is_never_alike() -> None:
    some = answered("trees", right_in(100, 90), SLOW)
    none = Contender(
        replace(some.scores, learner="linear", scores=(ValidationScore("y", "accuracy", None, 0),)),
        (None,),
        *FAST,
    )
    found = ranked([none, some])
    assert [(one.learner, one.alike, one.standard_error) for one in found] == [
        ("trees", True, None),
        ("linear", False, None),
    ]


@pytest.mark.parametrize(("line", "first"), [(110, "probe"), (80, "probe"), (40, "linear")])
def test_a_line_is_taken_before_what_is_trained_further_only_if_better_than_it_is_expected_to_be(
    line: int, first: str
) -> None:
    # of 100 errors of the probe, 70 are expected after fine-tuning; here the line is dearer, so that no rule helps it
    tried = [
        answered("probe", right_in(1000, 100), FAST, ("finetune",)),
        answered("linear", right_in(1000, line, 500), SLOW),
    ]
    found = ranked(tried)
    assert found[0].learner == first
    why = reason(Comparison(10, 1000, 0.2, found)).found
    assert ("trained further" in why) is (first == "probe")


def test_two_machines_choose_alike_where_one_more_row_would_turn_the_score() -> None:
    draw = np.random.default_rng(0)
    flips = {"best": 0, "rule": 0}
    for _ in range(200):
        easy = draw.random(300) < 0.9  # most rows are right for both
        chosen: dict[str, list[str]] = {"best": [], "rule": []}
        for _machine in range(2):  # each learned from other rows, so that a few answers differ
            tried = [
                answered(name, np.where(draw.random(300) < 0.03, ~easy, easy).astype(float), cost)
                for name, cost in (("trees", SLOW), ("linear", FAST))
            ]
            found = ranked(tried)
            chosen["rule"].append(found[0].learner)
            chosen["best"].append(min(found, key=lambda one: one.behind).learner)
        for name, (one, other) in chosen.items():
            flips[name] += one != other
    assert flips["best"] > 70
    assert flips["rule"] < 0.7 * flips["best"]
