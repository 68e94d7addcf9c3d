"""Which trials are ended early: those behind the median, or not among the first third at a rung."""

import pytest

from modelwright.stages.tune.pruning import is_pruned

GOOD = [(10, 0.3), (20, 0.2), (40, 0.1), (100, 0.1)]
FAIR = [(10, 0.4), (20, 0.3), (40, 0.2), (100, 0.2)]


@pytest.mark.parametrize(
    ("own", "others", "ends"),
    [
        ([(10, 0.5)], [GOOD, FAIR, GOOD, FAIR], True),
        ([(10, 0.34)], [GOOD, FAIR, GOOD, FAIR], False),
        ([(10, 0.5)], [GOOD, FAIR], False),  # too few are known
        ([(10, 0.2), (20, 0.6)], [GOOD, FAIR, GOOD, FAIR], False),  # by its best, not by its last
        ([(60, 0.5)], [GOOD[:2]] * 9, False),  # none of them came so far
        ([], [GOOD] * 9, False),
    ],
)
def test_the_median_of_those_that_came_so_far(own, others, ends):
    assert is_pruned("median", 7, own, others) is ends
    assert is_pruned("none", 7, own, others) is False


def test_hyperband_keeps_the_first_third_at_each_rung():
    others = [[(5, score), (12, score), (50, score)] for score in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert is_pruned("hyperband", 0, [(5, 0.45)], others) is True
    assert is_pruned("hyperband", 0, [(5, 0.15)], others) is False
    assert is_pruned("hyperband", 0, [(5, 0.45)], others[:1]) is False, "one alone is no rung"


def test_a_later_bracket_has_its_first_rung_later():
    others = [[(5, score), (12, score), (50, score)] for score in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert is_pruned("hyperband", 1, [(5, 0.45)], others) is False
    assert is_pruned("hyperband", 1, [(5, 0.45), (12, 0.45)], others) is True
    assert is_pruned("hyperband", 2, [(12, 0.45)], others) is False
    assert is_pruned("hyperband", 2, [(12, 0.45), (40, 0.45)], others) is True


def test_between_two_rungs_nothing_is_compared():
    others = [[(5, score), (12, score), (50, score)] for score in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert is_pruned("hyperband", 0, [(5, 0.15), (8, 0.45)], others) is False
