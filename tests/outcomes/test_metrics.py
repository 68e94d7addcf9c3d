"""Metrics agree with scikit-learn, have an interval, and admit when there is nothing to say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requirement_texts import from_samples, measure, measure_difference, metric
from sklearn import metrics as peers

from modelwright import outcomes
from modelwright.core.evidence.measure import difference, exact, from_counts
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

METRICS = outcomes.metrics()
OF_CLASSES = [m.name for m in METRICS.in_family("classes")]
OF_NUMBERS = [m.name for m in METRICS.in_family("numbers")]


def answers(n: int, size: int, *, apart: float = 2.0, seed: int = 0, names: tuple[str, ...] | None = None):
    """Draw truths and softmax answers of a function that knows something."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, size, n)
    logits = rng.normal(size=(n, size))
    logits[np.arange(n), truth] += apart
    odds = np.exp(logits)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    names = names or tuple(f"c{i}" for i in range(size))
    positive = "true" if names == ("false", "true") else None
    costs = np.hstack([2.0 - 2.0 * np.eye(size), np.full((size, 1), 0.5)])
    return ClassOutcomes(names, truth, probabilities.argmax(axis=1), probabilities, positive, costs=costs)


def numbers(n: int, seed: int = 0, error: float = 0.5):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return NumberOutcomes(truth, truth + error * rng.normal(size=n))


def value(name: str, outcomes, of: str | None = None) -> float | None:
    return measure(Subject(name, "y", of), outcomes, 0.95).value


def test_values_are_those_of_scikit_learn():
    o = answers(600, 7)
    t, p = o.truth, o.predicted
    assert value("accuracy", o) == pytest.approx(peers.accuracy_score(t, p))
    assert value("balanced_accuracy", o) == pytest.approx(peers.balanced_accuracy_score(t, p))
    assert value("recall", o) == pytest.approx(peers.recall_score(t, p, average="macro"))
    assert value("precision", o) == pytest.approx(peers.precision_score(t, p, average="macro"))
    assert value("f1", o) == pytest.approx(peers.f1_score(t, p, average="macro"))
    assert value("auc", o) == pytest.approx(peers.roc_auc_score(t, o.probabilities, multi_class="ovr"))
    one_each = np.eye(7)[t]
    assert value("average_precision", o) == pytest.approx(
        peers.average_precision_score(one_each, o.probabilities, average="macro")
    )
    assert value("log_loss", o) == pytest.approx(peers.log_loss(t, o.probabilities))
    for name, peer in [
        ("recall", peers.recall_score),
        ("precision", peers.precision_score),
        ("f1", peers.f1_score),
    ]:
        assert [value(name, o, c) for c in o.classes] == pytest.approx(list(peer(t, p, average=None)))
    for name, peer in [("auc", peers.roc_auc_score), ("average_precision", peers.average_precision_score)]:
        of_each = [peer(t == place, o.probabilities[:, place]) for place in range(7)]
        assert [value(name, o, c) for c in o.classes] == pytest.approx(of_each)


def test_a_boolean_means_true():
    o = answers(300, 2, apart=0.7, names=("false", "true"))
    assert value("f1", o) == pytest.approx(peers.f1_score(o.truth, o.predicted))
    assert value("recall", o) == value("recall", o, "true")
    assert value("auc", o) == pytest.approx(peers.roc_auc_score(o.truth, o.probabilities[:, 1]))
    assert value("average_precision", o) == pytest.approx(
        peers.average_precision_score(o.truth, o.probabilities[:, 1])
    )


@pytest.mark.parametrize(
    ("name", "peer"),
    [("auc", peers.roc_auc_score), ("average_precision", peers.average_precision_score)],
)
def test_of_two_classes_each_stands_against_the_other(name, peer):
    o = answers(300, 2, apart=0.7, names=("cat", "dog"))
    of_each = [peer(o.truth == place, o.probabilities[:, place]) for place in (0, 1)]
    assert [value(name, o, of) for of in o.classes] == pytest.approx(of_each)
    assert value(name, o) == pytest.approx(np.mean(of_each))


def test_values_of_numbers_are_those_of_scikit_learn():
    o = numbers(300)
    assert value("rmse", o) == pytest.approx(peers.root_mean_squared_error(o.truth, o.predicted))
    assert value("mae", o) == pytest.approx(peers.mean_absolute_error(o.truth, o.predicted))
    assert value("r2", o) == pytest.approx(peers.r2_score(o.truth, o.predicted))


@pytest.mark.parametrize(
    ("name", "peer"),
    [("auc", peers.roc_auc_score), ("average_precision", peers.average_precision_score)],
)
@pytest.mark.parametrize("digits", [0, 1, 2])
def test_equal_probabilities_are_ranked_alike(name, peer, digits):
    o = answers(200, 2, apart=0.5, names=("false", "true"))
    rounded = np.round(o.probabilities, digits)
    assert value(name, replace(o, probabilities=rounded)) == pytest.approx(peer(o.truth, rounded[:, 1]))


@pytest.mark.parametrize("name", OF_CLASSES + OF_NUMBERS)
@pytest.mark.parametrize("n", [40, 400])
def test_intervals_hold_the_value_and_narrow(name, n):
    o = answers(n, 4) if name in OF_CLASSES else replace(numbers(n), range=(-99.0, 99.0))
    found = measure(Subject(name, "y"), o, 0.95)
    if name in OF_NUMBERS and n == 40:  # the ends that few rows do not give are open
        assert found.low is not None
        assert (found.high is None) == (name == "mape")  # which no range bounds
        return
    wide = measure(Subject(name, "y"), o, 0.99)
    assert found.low < found.value or found.value in (0, 1) or name == "calibration_error"
    assert found.low <= found.value <= found.high
    assert wide.low <= found.low
    assert found.high <= wide.high
    assert found.n == n
    assert Measurement.from_json(found.as_json()) == found


@pytest.mark.parametrize("name", [*OF_CLASSES, *OF_NUMBERS])
def test_influence_is_what_leaving_a_row_out_shows(name):
    o = answers(400, 5) if name in OF_CLASSES else numbers(400)
    whole = metric(name, o).influence(o, None)
    assert whole.rows.mean() == pytest.approx(0, abs=1e-12)
    for row in range(0, 400, 25):
        left = metric(name, o).influence(o.take(np.delete(np.arange(400), row)), None)
        assert (whole.value - left.value) * 399 == pytest.approx(whole.rows[row], abs=0.1)


@pytest.mark.parametrize(
    "name",
    ["accuracy", "balanced_accuracy", "recall", "precision", "f1", "auc", "average_precision", "coverage"],
)
def test_a_perfect_score_keeps_an_interval(name):
    truth = np.repeat([0, 1, 2], [500, 30, 5])
    o = ClassOutcomes(("a", "b", "c"), truth, truth, np.eye(3)[truth])
    found = measure(Subject(name, "y"), o, 0.95)
    assert found.value == 1
    assert found.low < 0.999
    of = measure(Subject(name, "y", "c"), o, 0.95) if metric(name, o).per_class else None
    assert of is None or (of.value == 1 and of.low < 0.9)


@pytest.mark.parametrize("name", OF_CLASSES + OF_NUMBERS)
def test_no_rows_is_no_value(name):
    o = (answers(5, 3) if name in OF_CLASSES else numbers(5)).take(np.zeros(5, dtype=bool))
    found = measure(Subject(name, "y"), o, 0.95)
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert measure_difference(Subject(name, "y"), o, o, 0.95).value is None


@pytest.mark.parametrize("name", ["recall", "precision", "f1", "auc", "average_precision"])
def test_a_class_without_rows_has_no_value(name):
    o = answers(50, 3)
    without = ClassOutcomes(
        (*o.classes, "none"), o.truth, o.predicted, np.pad(o.probabilities, ((0, 0), (0, 1)))
    )
    for of in ("none", "never heard of"):
        found = measure(Subject(name, "y", of), without, 0.95)
        assert (found.value, found.n) == (None, 0)
    assert value(name, without) == pytest.approx(value(name, o))  # an average leaves it out


@pytest.mark.parametrize("name", ["auc", "average_precision"])
def test_ranking_needs_two_sides(name):
    o = answers(30, 2, names=("false", "true"))
    assert value(name, o.take(o.truth == 1)) is None
    assert value(name, o.take(o.truth == 0)) is None


def test_conventions_for_abstentions_and_unknown_truths():
    truth, predicted = np.array([0, 0, 1, 1, -1, 0]), np.array([0, -1, 1, 0, 1, 0])
    o = ClassOutcomes(("a", "b"), truth, predicted, np.full((6, 2), 0.5))
    assert value("accuracy", o) == pytest.approx(3 / 6)
    assert value("coverage", o) == pytest.approx(5 / 6)
    assert value("recall", o, "a") == pytest.approx(2 / 3)
    assert value("precision", o, "a") == pytest.approx(2 / 3)
    assert value("precision", o, "b") == pytest.approx(1 / 2)
    assert value("f1", o, "a") == pytest.approx(4 / 6)
    assert value("f1", o, "b") == pytest.approx(2 / 4)
    assert value("f1", o) == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert value("log_loss", o) == pytest.approx((5 * math.log(2) + math.log(1e7)) / 6)
    assert measure(Subject("calibration_error", "y"), o, 0.95).n == 5


def test_a_class_that_is_never_answered_lowers_the_mean_precision():
    truth = np.array([0, 0, 1, 1])
    o = ClassOutcomes(("a", "b"), truth, np.zeros(4, dtype=np.int64), np.full((4, 2), 0.5))
    assert value("precision", o) == pytest.approx(0.25)
    assert value("precision", o, "b") is None


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_every_table_of_outcomes_can_be_measured(pairs):
    truth, predicted = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    other = np.roll(predicted, 1)
    o, champion = (
        ClassOutcomes(("a", "b", "c", "d"), truth, p, np.full((len(p), 4), 0.25)) for p in (predicted, other)
    )
    for name in OF_CLASSES:
        for of in (None, "b") if metric(name, o).per_class else (None,):
            subject = Subject(name, "y", of)
            for found in (measure(subject, o, 0.95), measure_difference(subject, o, champion, 0.95)):
                if found.value is None:
                    continue
                assert math.isfinite(found.value)
                if found.low is not None:
                    assert found.low <= found.value <= found.high
            whole = metric(name, o).influence(o, of)
            if whole is not None and name != "calibration_error":
                assert whole.value == pytest.approx(measure(subject, o, 0.95).value, abs=1e-9)


def test_what_is_not_finite_is_no_value_but_counts():
    truth = np.arange(5.0)
    found = measure(Subject("rmse", "y"), NumberOutcomes(truth, np.array([0, 1, np.nan, 3, 4])), 0.95)
    assert (found.value, found.n) == (None, 5)


def test_a_missing_truth_is_left_out():
    o = NumberOutcomes(np.array([1.0, np.nan, 3.0, 5.0]), np.array([1.5, 9.0, 3.0, 5.0]))
    found = measure(Subject("mae", "y"), o, 0.95)
    assert (found.value, found.n) == (pytest.approx(0.5 / 3), 3)


def test_calibration_error_sees_overconfidence_and_forgives_chance():
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.5, 1, 4000)
    both = np.stack([1 - sure, sure], axis=1)
    ones = np.ones(4000, dtype=np.int64)
    honest = ClassOutcomes(("a", "b"), (rng.random(4000) < sure).astype(np.int64), ones, both)
    bragging = ClassOutcomes(("a", "b"), (rng.random(4000) < sure - 0.1).astype(np.int64), ones, both)
    assert value("calibration_error", honest) < 0.012
    assert value("calibration_error", bragging) == pytest.approx(0.1, abs=0.02)


# -- against the champion ----------------------------------------------------------------


@pytest.mark.parametrize("name", [*OF_CLASSES, *OF_NUMBERS])
def test_a_difference_is_that_of_the_values(name):
    a, b = (
        (answers(300, 4), answers(300, 4, apart=1.5))
        if name in OF_CLASSES
        else (numbers(300), numbers(300, error=0.7))
    )
    found = measure_difference(Subject(name, "y"), a, b, 0.95)
    back = measure_difference(Subject(name, "y"), b, a, 0.95)
    assert found.value == pytest.approx(-back.value)
    assert found.low <= found.value <= found.high
    if name != "calibration_error":
        assert found.value == pytest.approx(value(name, a) - value(name, b))
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low), abs=1e-6)


def test_pairing_narrows_a_difference():
    ours = answers(1000, 4)
    champion = ClassOutcomes(
        ours.classes, ours.truth, np.where(np.arange(1000) < 5, 0, ours.predicted), ours.probabilities
    )
    found = measure_difference(Subject("accuracy", "y"), ours, champion, 0.95)
    alone = measure(Subject("accuracy", "y"), ours, 0.95)
    assert found.high - found.low < (alone.high - alone.low) / 2


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "recall", "precision", "f1"])
def test_equal_answers_keep_an_interval(name):
    o = answers(200, 4)
    found = measure_difference(Subject(name, "y"), o, o, 0.95)
    assert found.value == 0
    assert found.low < -0.005 < 0.005 < found.high


def test_equal_numbers_differ_by_nothing():
    o = numbers(50)
    found = measure_difference(Subject("rmse", "y"), o, o, 0.95)
    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_unpaired_differences_combine_both_intervals():
    subject = Subject("latency_p95")
    ours = Measurement(subject, Phase.PACKAGE, 10.0, 7.0, 14.0, 100, "order-statistics")
    champions = Measurement(subject, Phase.PACKAGE, 8.0, 5.0, 12.0, 90, "order-statistics")
    found = difference(ours, champions)
    assert (found.value, found.low, found.high, found.n) == (2.0, 2 - 5.0, 2 + 5.0, 90)
    assert (
        difference(exact(Subject("size"), 5, Phase.PACKAGE), exact(Subject("size"), 3, Phase.PACKAGE)).low
        == 2
    )


# -- samples and counts ----------------------------------------------------------------


def test_quantiles_of_samples():
    found = from_samples(Subject("latency_p95"), np.arange(1, 101) / 1000, 0.95, Phase.PACKAGE)
    assert (found.value, found.low, found.high, found.n) == (0.095, 0.09, 0.1, 100)
    few = from_samples(Subject("latency_p95"), np.arange(1, 21) / 1000, 0.95, Phase.PACKAGE)
    assert few.value == 0.019
    assert few.high is None
    assert from_samples(Subject("latency_p50"), np.array([]), 0.95, Phase.LIVE).value is None
    assert from_samples(Subject("latency_p50"), np.array([1.0, np.nan]), 0.95, Phase.LIVE).value is None


def test_shares_of_counts():
    found = from_counts(Subject("failure_rate"), 0, 3000, 0.95, Phase.LIVE)
    assert found.value == 0
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 3000), rel=1e-6)
    assert from_counts(Subject("failure_rate"), 0, 0, 0.95, Phase.LIVE).value is None


@pytest.mark.parametrize("one", list(METRICS), ids=lambda m: f"{m.family}.{m.name}")
def test_a_metric_says_all_that_is_to_be_known(one):
    assert one.summary
    assert one.interval
    assert one.phases
    assert (one.measure is None) == (one.influence is None) == (one.family is None)
    assert METRICS.of(one.name, one.family) is one
    assert one.as_share is None or one.as_share(1.0) == 1.0


def test_many_classes_are_measured_fast():
    import time

    o = answers(2000, 77, apart=4.0)
    for name in OF_CLASSES:
        start = time.process_time()
        measure(Subject(name, "y"), o, 0.95)
        measure_difference(Subject(name, "y"), o, o, 0.95)
        assert time.process_time() - start < 1, name
