"""Measurements at values that are known: what is measured, the interval of a difference, and what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from modelwright.core.evidence import intervals, means
from modelwright.core.evidence.measure import (
    difference,
    exact,
    from_counts,
    from_samples,
    measure,
    measure_difference,
)
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import (
    NOTHING,
    Influence,
    Metric,
    Metrics,
    MetricValue,
    Strata,
    share,
    share_of_f1,
)
from modelwright.core.units import Unit


@dataclass(frozen=True)
class Rows:
    """Outcomes of a family of the test's own: what each row moves a value by."""

    influence: Influence | None
    value: MetricValue = NOTHING
    labels: tuple[str, ...] = ("a", "b")

    def __len__(self) -> int:
        return 0 if self.influence is None else len(self.influence.rows)


def metric(name: str = "gain", family: str | None = "ours", **more) -> Metric:
    made = {
        "measure": lambda rows, of, confidence: replace(rows.value, method=f"{of} {confidence}"),
        "influence": lambda rows, of: rows.influence,
    }
    return Metric(
        name,
        "higher",
        Unit.FRACTION,
        frozenset({Phase.TEST}),
        family,
        True,
        "exact",
        "what is gained",
        **{**made, **more},
    )


SUBJECT = Subject("gain", "y", "a")


# -- of outcomes ---------------------------------------------------------------------------------------------


def test_a_metric_measures_its_outcomes():
    rows = Rows(None, MetricValue(0.5, 0.25, 0.75, 8, "any"))
    found = measure(SUBJECT, metric(), rows, 0.9)
    assert found == Measurement(SUBJECT, Phase.TEST, 0.5, 0.25, 0.75, 8, "a 0.9", 0.9)
    assert measure(Subject("gain"), metric(), rows, 0.9).method == "None 0.9"


def test_a_label_that_no_row_can_have_has_nothing_to_measure():
    unknown = replace(SUBJECT, of="z")
    rows = Rows(Influence(0.5, np.zeros(3)), MetricValue(0.5, 0.25, 0.75, 8, "any"))
    nothing = Measurement(unknown, Phase.TEST, None, None, None, 0, "none", 0.9)
    assert measure(unknown, metric(), rows, 0.9) == nothing
    assert measure_difference(unknown, metric(), rows, rows, 0.9) == nothing


def test_what_divides_by_nothing_is_seen_by_its_value_and_warns_nobody():
    def divides(rows, of, confidence) -> MetricValue:
        return MetricValue.of(float(np.float64(1) / np.float64(0)), None, 3, "any")

    found = measure(SUBJECT, metric(measure=divides), Rows(None), 0.95)
    assert (found.value, found.n) == (None, 3)
    halves = metric(influence=lambda rows, of: Influence(0.1, np.array([1.0]) / np.array([0.0])))
    rows = Rows(Influence(0.0, np.zeros(1)))
    assert measure_difference(SUBJECT, halves, rows, rows, 0.95).low in (None, 0.0)


def test_a_value_is_held_by_its_interval():
    assert MetricValue.of(0.5, (0.5000001, 0.4999999), 3, "m") == MetricValue(0.5, 0.5, 0.5, 3, "m")
    assert MetricValue.of(0.5, (0.1, 0.9), 3, "m") == MetricValue(0.5, 0.1, 0.9, 3, "m")
    assert MetricValue.of(0.5, None, 3, "m") == MetricValue(0.5, None, None, 3, "m")
    assert MetricValue.of(0.5, (None, 0.9), 3, "m") == MetricValue(0.5, None, 0.9, 3, "m")
    assert MetricValue.of(0.5, (0.1, None), 3, "m") == MetricValue(0.5, 0.1, None, 3, "m")
    assert MetricValue.of(0.5, (-math.inf, math.nan), 3, "m") == MetricValue(0.5, None, None, 3, "m")
    for odd in (math.nan, math.inf, -math.inf):
        assert MetricValue.of(odd, (0.1, 0.9), 3, "m") == MetricValue(None, None, None, 3, "m")


# -- against the champion --------------------------------------------------------------------------------------


def strata(right: list[int], group: list[int]) -> Rows:
    """A mean over groups of shares of right rows, as recall of all classes is."""
    mask, of = np.array(right, dtype=bool), np.array(group)
    groups = [one for one in np.unique(of) if one >= 0]
    value = float(np.mean([mask[of == one].mean() for one in groups]))
    return Rows(Influence(value, np.zeros(len(of)), 0.0, Strata(mask, of)))


def test_a_difference_of_shares_rests_on_the_rows_that_one_alone_gets_right():
    """Of 100 rows 9 are won and 3 lost: two Poisson counts, whose difference of 6 has a known spread."""
    ours = strata([1] * 9 + [0] * 3 + [1] * 88, [0] * 100)
    theirs = strata([0] * 9 + [1] * 3 + [1] * 88, [0] * 100)
    found = measure_difference(SUBJECT, metric(), ours, theirs, 0.95)
    assert (found.value, found.n, found.method) == (pytest.approx(0.06), 100, "paired")
    expected = intervals.sum_of_errors(
        np.array([9.0, 3.0]), np.array([1e5, 1e5]), np.array([0.01, -0.01]), 0.95
    )
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    spread = 1.96 * math.sqrt(12) / 100
    assert (found.low, found.high) == pytest.approx((0.06 - spread, 0.06 + spread), abs=0.015)
    # the rows that both get right, or both wrong, say nothing of the difference
    assert ours.influence is not None
    none_right = strata([1] * 9 + [0] * 91, [0] * 100)
    none_theirs = strata([0] * 9 + [1] * 3 + [0] * 88, [0] * 100)
    again = measure_difference(SUBJECT, metric(), none_right, none_theirs, 0.95)
    assert (again.low, again.high) == (found.low, found.high)


def test_groups_of_unlike_size_weigh_alike_and_rows_of_none_do_not_count():
    group = [5] * 40 + [7] * 10 + [-1] * 6
    ours = strata([1] * 4 + [0] * 36 + [1] * 3 + [0] * 7 + [1] * 6, group)
    theirs = strata([0] * 4 + [1] * 2 + [0] * 34 + [0] * 3 + [1] + [0] * 6 + [0] * 6, group)
    found = measure_difference(SUBJECT, metric(), ours, theirs, 0.9)
    assert found.value == pytest.approx((2 / 40 + 2 / 10) / 2)
    expected = intervals.sum_of_errors(
        np.array([4.0, 3.0, 2.0, 1.0]),
        np.array([40.0, 10.0, 40.0, 10.0]) * 1000,
        np.array([1 / 80, 1 / 20, -1 / 80, -1 / 20]),
        0.9,
    )
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert found.confidence == 0.9


def test_a_difference_of_shares_stays_between_minus_one_and_one():
    ours, theirs = strata([1, 1], [0, 0]), strata([0, 0], [0, 0])
    won = measure_difference(SUBJECT, metric(), ours, theirs, 0.95)
    lost = measure_difference(SUBJECT, metric(), theirs, ours, 0.95)
    assert (won.value, won.high) == (1.0, 1.0)
    assert (lost.value, lost.low) == (-1.0, -1.0)
    assert won.low == pytest.approx(-lost.high)
    assert won.low < 1


def test_groups_that_differ_are_compared_by_influence():
    rows = np.random.default_rng(0).normal(size=400)
    rows -= rows.mean()
    mine = Rows(Influence(0.5, rows, 0.0, Strata(rows > 0, np.zeros(400, dtype=np.int64))))
    theirs = Rows(Influence(0.4, rows[::-1], 0.0, Strata(rows > 0, np.ones(400, dtype=np.int64))))
    found = measure_difference(SUBJECT, metric(), mine, theirs, 0.95)
    low, high = intervals.mean(rows - rows[::-1], 0.95)
    assert (found.low, found.high) == pytest.approx((0.1 + low, 0.1 + high))


def test_a_difference_of_means_is_students_on_the_rows_differences():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=300), rng.normal(size=300)
    apart = np.concatenate([one - other, other - one])  # no skew, mean 0
    mine, theirs = (
        Rows(Influence(0.7, np.concatenate([one, other]))),
        Rows(Influence(0.4, np.concatenate([other, one]))),
    )
    found = measure_difference(SUBJECT, metric(), mine, theirs, 0.95)
    half = stats.t.ppf(0.975, 599) * stats.sem(apart)
    assert (found.value, found.n, found.method) == (pytest.approx(0.3), 600, "paired")
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half), rel=1e-6)


@pytest.mark.parametrize(("mine", "theirs"), [(2.0, 0.5), (0.5, 2.0)])
def test_two_rows_more_weigh_as_one_wrong_row_can(mine, theirs):
    """The larger of the two flips, once on each side, opens the interval where all rows agree."""
    rows = np.zeros(50)
    found = measure_difference(
        SUBJECT, metric(), Rows(Influence(0.5, rows, mine)), Rows(Influence(0.5, rows, theirs)), 0.95
    )
    low, high = intervals.mean(np.append(rows, [2.0, -2.0]), 0.95)
    assert (found.value, found.low, found.high) == (0.0, pytest.approx(low), pytest.approx(high))


def test_few_rows_that_nothing_bounds_have_no_interval():
    rng = np.random.default_rng(2)
    for n, known in ((276, False), (277, True)):
        mine, theirs = (Rows(Influence(0.5, rng.normal(size=n))) for _ in range(2))
        found = measure_difference(SUBJECT, metric(), mine, theirs, 0.95)
        assert (found.low is not None, found.high is not None) == (known, known)
        assert found.value == 0
        bounded = Rows(Influence(0.5, rng.normal(size=n), 1.0))
        assert measure_difference(SUBJECT, metric(), bounded, theirs, 0.95).low is not None
    assert means.least_rows(0.95) == 277


def test_the_same_answers_differ_by_nothing_where_nothing_can_flip():
    rows = np.array([0.5, -0.5, 0.0])
    same = measure_difference(
        SUBJECT, metric(), Rows(Influence(0.5, rows)), Rows(Influence(0.5, rows.copy())), 0.95
    )
    assert (same.low, same.value, same.high, same.n) == (0.0, 0.0, 0.0, 3)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_side_without_a_value_has_nothing_to_compare(missing):
    both = [Rows(Influence(0.5, np.zeros(0)))] * 2
    both[missing] = Rows(None)
    found = measure_difference(SUBJECT, metric(), *both, 0.95)
    assert found == Measurement(SUBJECT, Phase.TEST, None, None, None, 0, "none", 0.95)


# -- of what shares no rows ------------------------------------------------------------------------------------


def of(value, low, high, n=10) -> Measurement:
    return Measurement(Subject("latency_p95"), Phase.PACKAGE, value, low, high, n, "order-statistics", 0.9, 2)


def test_unpaired_ends_add_like_standard_errors():
    found = difference(of(10.0, 7.0, 15.0, 100), of(8.0, 3.0, 12.0, 90))
    assert found == Measurement(
        Subject("latency_p95"),
        Phase.PACKAGE,
        2.0,
        2 - math.hypot(3, 4),
        2 + math.hypot(5, 5),
        90,
        "mover",
        0.9,
        2,
    )
    assert difference(of(10.0, 7.0, 15.0, 80), of(8.0, 3.0, 12.0, 90)).n == 80


def test_an_end_that_one_side_lacks_is_open():
    assert difference(of(10.0, None, 15.0), of(8.0, 3.0, 12.0)).low is None
    assert difference(of(10.0, None, 15.0), of(8.0, 3.0, 12.0)).high is not None
    assert difference(of(10.0, 7.0, 15.0), of(8.0, 3.0, None)).low is None
    assert difference(of(10.0, 7.0, None), of(8.0, 3.0, 12.0)).high is None
    assert difference(of(10.0, 7.0, 15.0), of(8.0, None, 12.0)).high is None
    assert difference(of(8.0, 3.0, 12.0, 9), of(None, None, None, 7)).n == 7
    for ours, champions in (
        (of(None, None, None, 7), of(8.0, 3.0, 12.0)),
        (of(8.0, 3.0, 12.0, 7), of(None, None, None)),
    ):
        found = difference(ours, champions)
        assert (found.value, found.low, found.high, found.n, found.method) == (None, None, None, 7, "mover")


# -- of samples, counts and what is known ----------------------------------------------------------------------


def latency(quantile: float) -> Metric:
    return metric("latency_p95", None, quantile=quantile, measure=None, influence=None)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 300])
def test_a_quantile_is_the_least_sample_that_enough_do_not_exceed(quantile, n):
    seconds = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    found = from_samples(latency(quantile), seconds, 0.95, Phase.LIVE)
    assert found.value == np.quantile(seconds, quantile, method="inverted_cdf")
    low, high = intervals.quantile_positions(n, quantile, 0.95)
    assert from_samples(latency(quantile), seconds, 0.8, Phase.LIVE).confidence == 0.8
    assert found.low == (None if low is None else low + 1)  # the sample at position i is i + 1
    assert found.high == (None if high is None else high + 1)
    assert (found.subject, found.phase, found.n) == (Subject("latency_p95"), Phase.LIVE, n)
    assert (found.method, found.confidence) == ("order-statistics", 0.95)


def test_samples_that_say_nothing():
    none = from_samples(latency(0.5), np.array([]), 0.9, Phase.LIVE)
    assert none == Measurement(Subject("latency_p95"), Phase.LIVE, None, None, None, 0, "none", 0.9)
    for odd in (math.nan, math.inf):
        found = from_samples(latency(0.5), np.array([odd, 1.0]), 0.9, Phase.LIVE)
        assert found == Measurement(
            Subject("latency_p95"), Phase.LIVE, None, None, None, 2, "order-statistics", 0.9
        )


def test_a_share_of_failures():
    rate = Subject("failure_rate")
    found = from_counts(rate, 3, 50, 0.9, Phase.LIVE)
    low, high = intervals.proportion(3, 50, 0.9)
    assert found == Measurement(rate, Phase.LIVE, 3 / 50, low, high, 50, "mid-p", 0.9)
    assert from_counts(rate, 0, 0, 0.9, Phase.LIVE) == Measurement(
        rate, Phase.LIVE, None, None, None, 0, "none", 0.9
    )
    assert from_counts(rate, 1, 1, 0.9, Phase.LIVE).value == 1


def test_what_is_known_is_its_own_interval():
    size = Subject("size")
    assert exact(size, 5, Phase.PACKAGE) == Measurement(size, Phase.PACKAGE, 5.0, 5.0, 5.0, 1, "exact", 1.0)
    assert exact(size, 5, Phase.PACKAGE, 3).n == 3
    assert exact(size, math.nan, Phase.PACKAGE).value is None


# -- what a measurement and a metric are -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (Subject("size"), "size"),
        (Subject("f1", "y"), "y.f1"),
        (Subject("f1", None, "a b"), "f1[a b]"),
        (Subject("f1", "y", "a", "lang == 'zh'"), "y.f1[a] where lang == 'zh'"),
    ],
)
def test_a_subject_is_text(subject, text):
    assert str(subject) == text


def test_a_measurement_is_json_and_back():
    one = Measurement(
        Subject("f1", "y", "a", "b > 1"), Phase.LIVE, 0.5, None, 0.75, 7, "mid-p", 0.9, unjudged=3, groups=4
    )
    data = one.as_json()
    assert data == {
        "subject": {"metric": "f1", "output": "y", "of": "a", "where": "b > 1"},
        "phase": "live",
        "value": 0.5,
        "low": None,
        "high": 0.75,
        "n": 7,
        "method": "mid-p",
        "confidence": 0.9,
        "unjudged": 3,
        "groups": 4,
    }
    assert Measurement.from_json(data) == one
    assert Measurement.from_json(data).phase is Phase.LIVE


def test_metrics_by_name_and_family():
    one, other, size = metric("f1"), metric("f1", "sets"), metric("size", None)
    known = Metrics([one, other, size])
    assert list(known) == [one, other, size]
    assert known.names() == ("f1", "size")
    assert known.named("f1") == (one, other)
    assert known.named("nothing") == ()
    assert known.any("f1") is one
    assert known.any("size") is size
    assert known.of("f1", "sets") is other
    assert known.of("f1", None) is None
    assert known.in_family("ours") == (one,)
    assert known.in_family(None) == (size,)
    with pytest.raises(KeyError, match="nothing"):
        known.any("nothing")
    with pytest.raises(AssertionError, match="two metrics f1 of ours"):
        Metrics([one, one])


def test_the_share_behind_a_value():
    assert share(0.3) == 0.3
    # F1 = 2 F*/(1 + F*)
    assert [share_of_f1(2 * s / (1 + s)) for s in (0.0, 0.25, 1.0)] == pytest.approx([0.0, 0.25, 1.0])
