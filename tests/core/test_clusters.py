"""Rows that come in groups: their intervals are of groups, and hold where rows of a group are alike."""

from __future__ import annotations

import numpy as np
import pytest
from requirement_texts import metric, parse

from modelwright import outcomes
from modelwright.core.evidence.clusters import LEAST_GROUPS, design_effect, freedom
from modelwright.core.evidence.measure import measure, measure_difference, share_in_groups
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.verdict import Outcome, judge
from modelwright.core.signature import Signature
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

SIGNATURE = Signature.parse("f(a: text) -> y: category")


def right_in(right: np.ndarray) -> ClassOutcomes:
    """Return outcomes of two classes whose rows (n,) are answered rightly where it says so."""
    truth = np.arange(len(right)) % 2
    answered = np.where(right, truth, 1 - truth)
    return ClassOutcomes(("a", "b"), truth, answered, np.eye(2)[answered] * 0.8 + 0.1)


def drawn(
    groups: int, size: int, share: float, alike: float, seed: int = 0
) -> tuple[ClassOutcomes, np.ndarray]:
    """Draw groups whose rows are right together: an intraclass correlation of `alike`."""
    draw = np.random.default_rng(seed)
    each = draw.beta(share * (1 - alike) / alike, (1 - share) * (1 - alike) / alike, groups)
    group = np.repeat(np.arange(groups), size)
    return right_in(draw.random(groups * size) < each[group]), group


def measured(
    found: ClassOutcomes | NumberOutcomes, name: str, groups: np.ndarray | None, of: str | None = None
) -> Measurement:
    return measure(Subject(name, "y", of), metric(name, found), found, 0.95, groups)


def width(one: Measurement) -> float:
    assert one.low is not None
    assert one.high is not None
    return one.high - one.low


def test_the_design_effect_is_one_of_independent_rows_and_the_size_of_groups_that_are_all_alike() -> None:
    draw = np.random.default_rng(0)
    group = np.repeat(np.arange(400), 10)
    effect, count = design_effect(draw.normal(size=4000), group)
    assert count == 400
    assert effect == pytest.approx(1, abs=0.3)
    assert design_effect(np.repeat(draw.normal(size=400), 10), group)[0] == pytest.approx(10, abs=0.3)
    # none seen: the most that there can be
    assert design_effect(np.zeros(4000), group) == (10, 400)
    assert design_effect(draw.normal(size=300), np.arange(300)) == (pytest.approx(1, abs=0.01), 300)
    assert design_effect(np.zeros(0), np.zeros(0, np.int64)) == (1, 0)


# what errors cost is declared, and measured in groups in tests/outcomes/test_error_costs.py
@pytest.mark.parametrize(
    "name", [m.name for m in outcomes.metrics().in_family("classes") if not m.priced_only]
)
def test_every_metric_of_classes_has_a_wider_interval_where_groups_are_alike(name: str) -> None:
    found, group = drawn(40, 10, 0.8, 0.6)
    plain, grouped = measured(found, name, None), measured(found, name, group)
    assert (grouped.value, grouped.n, grouped.groups, plain.groups) == (plain.value, plain.n, 40, None)
    if plain.value in (0, 1) or name == "log_loss":
        return
    assert width(grouped) > 1.3 * width(plain)
    assert 0 <= grouped.low <= grouped.value <= grouped.high <= 1


def test_groups_of_one_row_change_little() -> None:
    found, _ = drawn(300, 1, 0.8, 0.5)
    assert width(measured(found, "accuracy", np.arange(300))) == pytest.approx(
        width(measured(found, "accuracy", None)), rel=0.05
    )


@pytest.mark.parametrize(("groups", "low"), [(6, 0.607), (40, 0.928)])
def test_a_flawless_sample_is_worth_as_many_rows_as_it_has_groups(groups: int, low: float) -> None:
    found = measured(right_in(np.ones(groups * 50, np.bool_)), "accuracy", np.repeat(np.arange(groups), 50))
    assert found.value == found.high == 1
    assert found.low == pytest.approx(low, abs=0.001)  # the share whose groups-th power is 0.05


@pytest.mark.parametrize(
    "name", ["accuracy", "balanced_accuracy", "f1", "auc", "average_precision", "log_loss"]
)
def test_too_few_groups_prove_nothing(name: str) -> None:
    found, group = drawn(LEAST_GROUPS - 1, 200, 0.9, 0.1)
    one = measured(found, name, group)
    assert (one.low, one.high, one.groups) == (None, None, 3)
    (verdict,) = judge(
        [parse("accuracy", ">= 0.5", SIGNATURE)], [measured(found, "accuracy", group)], phases={Phase.TEST}
    )
    assert (verdict.outcome, verdict.needed) == (Outcome.INCONCLUSIVE, 1)
    assert "600 rows in 3 groups" in str(verdict.note)


def test_of_a_class_only_the_groups_with_rows_of_it_count() -> None:
    truth = np.repeat([0, 1], [100, 300])
    found = ClassOutcomes(("a", "b"), truth, truth, np.eye(2)[truth])
    group = np.arange(400) // 50  # two of eight groups are of class a
    assert measured(found, "recall", group, "a").groups == 2
    assert measured(found, "recall", group, "a").low is None
    assert measured(found, "recall", group, "b").groups == 6


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "mape"])
def test_few_groups_leave_the_end_of_a_mean_of_errors_open(name: str) -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(size=600)
    found = NumberOutcomes(truth, truth + 0.3 * draw.normal(size=600))
    one = measured(found, name, np.repeat(np.arange(60), 10))
    open_end, known = (one.low, one.high) if name == "r2" else (one.high, one.low)
    assert open_end is None
    assert known is not None
    many = NumberOutcomes(np.tile(truth, 10), np.tile(found.predicted, 10))
    assert None not in ((wide := measured(many, name, np.arange(6000) // 10)).low, wide.high)


def test_what_is_needed_is_counted_in_groups() -> None:
    found, group = drawn(40, 10, 0.9, 0.5)
    one = measured(found, "accuracy", group)
    bar = f">= {one.value - width(one) / 4:.3f}"
    (verdict,) = judge([parse("accuracy", bar, SIGNATURE)], [one], phases={Phase.TEST})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert 40 < verdict.needed < 400


def test_unseen_values_come_in_groups_too() -> None:
    hits = np.repeat([True, False], [10, 390])
    group = np.repeat(np.arange(40), 10)
    rate = outcomes.metrics().any("unseen_rate")
    one = share_in_groups(Subject("unseen_rate"), rate, hits, group, 0.95)
    assert (one.value, one.n, one.groups) == (0.025, 400, 40)
    assert one.high > 0.08  # one of 40 groups; ten of 400 rows would have 0.045


def test_a_difference_from_the_champion_is_one_of_groups() -> None:
    ours, group = drawn(40, 10, 0.9, 0.5)
    theirs, _ = drawn(40, 10, 0.8, 0.5, seed=1)
    subject, of = Subject("accuracy", "y"), metric("accuracy", ours)
    plain = measure_difference(subject, of, ours, theirs, 0.95)
    grouped = measure_difference(subject, of, ours, theirs, 0.95, group)
    assert width(grouped) > 1.5 * width(plain)
    assert grouped.groups == 40
    few = measure_difference(subject, of, ours, theirs, 0.95, group // 20)
    assert (few.low, few.high) == (None, None)


def test_a_measurement_of_an_earlier_version_knows_no_groups() -> None:
    one = measured(drawn(40, 10, 0.9, 0.5)[0], "accuracy", None)
    content = one.as_json()
    del content["groups"]
    assert Measurement.from_json(content) == one


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1"])
@pytest.mark.parametrize("wrong", [1, 3])
def test_what_is_like_a_share_is_as_lopsided_as_that_of_so_few_rows(wrong: int, name: str) -> None:
    """Only stretched, an interval breaks its promise with few groups: simulated, 8 to 10 % of gates were wrong."""
    groups = np.repeat(np.arange(10), 20)
    truth = np.arange(200) % 2
    right = ~np.isin(groups, np.arange(wrong)) | (truth == 0)
    answered = np.where(right, truth, 1 - truth)
    rows = ClassOutcomes(("a", "b"), truth, answered, np.eye(2)[answered])
    found = measured(rows, name, groups)
    assert found.groups == 10
    assert 0 <= found.low < found.value < found.high <= 1
    alone = measured(rows, name, None)
    assert found.low < alone.low
    assert found.high > alone.high
    # of fewer rows an interval is more lopsided; one that is stretched is as lopsided as before
    lopsided = [(one.value - one.low) / (one.high - one.value) for one in (found, alone)]
    assert lopsided[0] > 1.1 * lopsided[1]


def _two_sides(of_class: int, others: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return influences of rows in groups that are of one side throughout, with sums of 0 a side; groups; sides."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(of_class + others), size)
    side = (group < of_class).astype(np.int64)
    influence = rng.normal(size=of_class + others)[group]
    for one in (0, 1):
        influence[side == one] -= influence[side == one].mean()
    return influence, group, side


def test_a_side_with_few_groups_is_made_good_for_its_own_mean():
    influence, group, side = _two_sides(3, 30, 10, seed=1)
    without, count = design_effect(influence, group)
    with_sides, same = design_effect(influence, group, side)
    assert count == same == 33
    assert with_sides > without
    assert 1 < freedom(influence, group, side) < 32
    assert freedom(influence, group, None) == 32


def test_groups_that_hold_rows_of_every_side_are_as_without_sides():
    influence, group, _ = _two_sides(6, 6, 10, seed=2)
    side = np.tile([0, 1], len(group) // 2)
    for one in (0, 1):
        influence[side == one] -= influence[side == one].mean()
    assert design_effect(influence, group, side) == pytest.approx(design_effect(influence, group))


@pytest.mark.parametrize("metric", ["auc", "average_precision", "log_loss", "balanced_accuracy", "f1"])
def test_every_metric_of_classes_has_an_interval_of_groups_that_is_wider(metric: str):
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(80), 5)
    truth = group % 2
    score = 1.5 * truth + rng.normal(size=80)[group] * 0.9 + rng.normal(size=400) * 0.4
    of_true = 1 / (1 + np.exp(0.75 - score))
    both = np.stack([1 - of_true, of_true], axis=1)
    answered = ClassOutcomes(("false", "true"), truth, both.argmax(axis=1), both, "true")
    one = outcomes.metrics().of(metric, "classes")
    assert one is not None
    alone, grouped = (measure(Subject(metric, "y"), one, answered, 0.95, of) for of in (None, group))
    assert alone.value == grouped.value
    assert grouped.groups == 80
    ends = [(grouped.low, alone.low), (alone.high, grouped.high)]
    assert all(outer is None or inner is None or outer < inner for outer, inner in ends)
    assert any(end is not None for end in (grouped.low, grouped.high))


@pytest.mark.parametrize(
    "name", ["balanced_accuracy", "f1", "auc", "average_precision", "log_loss", "accuracy"]
)
@pytest.mark.parametrize("groups", [20, 212])
def test_what_answers_the_same_to_everything_has_an_interval(name: str, groups: int) -> None:
    """Of a spread that is rounding alone, no share of 1e33 rows is asked for its ends."""
    truth = np.random.default_rng(1).choice(3, 300, p=[0.5, 0.3, 0.2])
    always = ClassOutcomes(
        ("a", "b", "c"), truth, np.zeros(300, np.int64), np.tile([0.5, 0.3, 0.2], (300, 1))
    )
    found = measured(always, name, np.arange(300) % groups)
    assert found.value is not None
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.high >= found.value
    if found.low is not None and found.high is not None and name != "log_loss":
        assert found.low < found.high
