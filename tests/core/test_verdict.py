"""Verdicts: what is met, what is not, what cannot be said yet, and how much more would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requirement_texts import from_samples, measure, parse

from modelwright.core.evidence import means
from modelwright.core.evidence.measure import exact, from_counts
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.verdict import (
    Outcome,
    Verdict,
    evaluation_confidence,
    gate,
    judge,
    overall,
    provable,
)
from modelwright.core.signature import Signature
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

ROUTE = Signature.parse("route(question: text) -> domain: category")
EVERYWHERE = frozenset(Phase)


def seen(requirement, value, low, high, n=100, phase=Phase.TEST, method="saddlepoint") -> Measurement:
    return Measurement(requirement.subject, phase, value, low, high, n, method)


def one(key, bar, value, low, high, **more) -> Verdict:
    requirement = parse(key, bar, ROUTE)
    return judge([requirement], [seen(requirement, value, low, high, **more)], phases={Phase.TEST})[0]


def accuracy(right: int, n: int) -> Measurement:
    truth = np.zeros(n, dtype=np.int64)
    answers = (np.arange(n) >= right).astype(np.int64)
    return measure(
        Subject("accuracy", "domain"), ClassOutcomes(("a", "b"), truth, answers, np.eye(2)[answers]), 0.95
    )


@pytest.mark.parametrize(
    ("bar", "low", "high", "outcome"),
    [
        (">= 0.9", 0.9, 0.95, Outcome.MET),
        ("> 0.9", 0.9, 0.95, Outcome.INCONCLUSIVE),
        ("> 0.9", 0.91, 0.95, Outcome.MET),
        (">= 0.9", 0.8, 0.89, Outcome.UNMET),
        (">= 0.9", 0.8, 0.9, Outcome.INCONCLUSIVE),
        ("> 0.9", 0.8, 0.9, Outcome.UNMET),
        (">= 0.9", None, 0.95, Outcome.INCONCLUSIVE),
        (">= 0.9", 0.95, None, Outcome.MET),
        (">= 0.9", math.nan, math.nan, Outcome.INCONCLUSIVE),
    ],
)
def test_the_interval_decides(bar, low, high, outcome):
    assert one("accuracy", bar, 0.9, low, high).outcome is outcome


@pytest.mark.parametrize(
    ("bar", "low", "high", "outcome"),
    [
        ("<= 0.1", 0.05, 0.1, Outcome.MET),
        ("< 0.1", 0.05, 0.1, Outcome.INCONCLUSIVE),
        ("<= 0.1", 0.11, 0.2, Outcome.UNMET),
        ("< 0.1", 0.1, 0.2, Outcome.UNMET),
        ("<= 0.1", 0.05, None, Outcome.INCONCLUSIVE),
    ],
)
def test_the_other_direction(bar, low, high, outcome):
    assert one("calibration_error", bar, 0.1, low, high).outcome is outcome


def test_nothing_missing_is_ever_met():
    requirement = parse("accuracy", ">= 0.9", ROUTE)
    assert judge([requirement], [], phases={Phase.TEST})[0].outcome is Outcome.UNMET
    assert one("accuracy", ">= 0", None, None, None, n=0).outcome is Outcome.INCONCLUSIVE
    assert one("accuracy", ">= 0", None, None, None, n=5).outcome is Outcome.UNMET
    assert one("accuracy", ">= 0", math.nan, 0.9, 1.0).outcome is Outcome.UNMET
    assert one("accuracy", ">= 0", math.inf, 0.9, 1.0).outcome is Outcome.UNMET


@given(
    st.none() | st.floats(),
    st.none() | st.floats(),
    st.none() | st.floats(),
    st.integers(0, 5),
    st.sampled_from([">= 0.5", "> 0.5", ">= champion"]),
)
def test_met_only_with_a_finite_value_and_a_bound_beyond_the_bar(value, low, high, n, bar):
    requirement = parse("accuracy", bar, ROUTE)
    measurement = seen(requirement, value, low, high, n)
    verdict = judge([requirement], [measurement], [measurement], phases={Phase.TEST})[0]
    if verdict.outcome is Outcome.MET:
        assert value is not None
        assert math.isfinite(value)
        assert low is not None
        assert low >= requirement.bar.value


def test_a_requirement_is_judged_wherever_its_metric_exists():
    latency = parse("latency_p95", "<= 15 ms", ROUTE)
    fast = from_samples(latency.subject, np.full(200, 0.01), 0.95, Phase.PACKAGE)
    verdicts = judge([latency, parse("failure_rate", "<= 1 %", ROUTE)], [fast], phases=EVERYWHERE)
    assert [(v.phase, v.outcome) for v in verdicts] == [
        (Phase.PACKAGE, Outcome.MET),
        (Phase.LIVE, Outcome.PENDING),
        (Phase.LIVE, Outcome.PENDING),
    ]
    assert len(judge([latency], [fast], phases={Phase.PACKAGE})) == 1


def test_a_live_measurement_replaces_pending():
    requirement = parse("failure_rate", "<= 1 %", ROUTE)
    few = from_counts(requirement.subject, 0, 50, 0.95, Phase.LIVE)
    many = from_counts(requirement.subject, 2, 5000, 0.95, Phase.LIVE)
    none = from_counts(requirement.subject, 0, 0, 0.95, Phase.LIVE)
    outcomes = [judge([requirement], [m], phases={Phase.LIVE})[0].outcome for m in (none, few, many)]
    assert outcomes == [Outcome.PENDING, Outcome.INCONCLUSIVE, Outcome.MET]


def test_a_size_is_exact():
    requirement = parse("size", "<= 60 MB", ROUTE)
    outcomes = [
        judge([requirement], [exact(requirement.subject, size, Phase.PACKAGE)], phases={Phase.PACKAGE})[
            0
        ].outcome
        for size in (60_000_000, 60_000_001)
    ]
    assert outcomes == [Outcome.MET, Outcome.UNMET]


def test_a_champion_bar_is_held_against_the_difference():
    requirement = parse("accuracy", ">= champion - 0.01", ROUTE)
    plain = seen(requirement, 0.97, 0.96, 0.98)
    pending = judge([requirement], [plain], phases={Phase.TEST})[0]
    assert (pending.outcome, str(pending.note)) == (Outcome.PENDING, "there is no champion yet")
    better = seen(requirement, 0.002, -0.005, 0.009)
    assert judge([requirement], [plain], [better], phases={Phase.TEST})[0].outcome is Outcome.MET
    worse = seen(requirement, -0.03, -0.04, -0.02)
    assert judge([requirement], [plain], [worse], phases={Phase.TEST})[0].outcome is Outcome.UNMET


# -- gates ----------------------------------------------------------------


def test_unmet_dominates():
    def of(*outcomes):
        requirement = parse("accuracy", ">= 0.9", ROUTE)
        return overall([Verdict(requirement, Phase.TEST, None, outcome) for outcome in outcomes])

    assert of() is Outcome.MET
    assert of(Outcome.MET, Outcome.PENDING) is Outcome.PENDING
    assert of(Outcome.PENDING, Outcome.INCONCLUSIVE, Outcome.MET) is Outcome.INCONCLUSIVE
    assert of(Outcome.INCONCLUSIVE, Outcome.UNMET, Outcome.PENDING) is Outcome.UNMET


def test_a_gate_lets_pass_what_is_met_pending_or_allowed():
    recall, size = parse("recall[lost card]", ">= 0.9", ROUTE), parse("size", "<= 60 MB", ROUTE)
    unmet, unsure = (
        Verdict(size, Phase.PACKAGE, None, Outcome.UNMET),
        Verdict(recall, Phase.TEST, None, Outcome.INCONCLUSIVE),
    )
    rest = (Verdict(recall, Phase.TEST, None, Outcome.MET), Verdict(size, Phase.LIVE, None, Outcome.PENDING))
    everything = (unmet, unsure, *rest)
    assert gate(everything, False) == (unmet, unsure)
    assert gate(everything, True) == (unmet,)
    assert gate(everything, ["recall[lost card] >= 0.9"]) == (unmet,)
    assert gate(everything, [" recall[lost card]  ≥ 0.9"]) == (unmet,)
    assert gate(everything, ["recall[lost card]"]) == (unmet,)
    assert gate(everything, ["size"]) == (unmet, unsure)


# -- how much more would decide ----------------------------------------------------------------


@pytest.mark.parametrize(("right", "n", "bar"), [(17, 17, 0.9), (92, 100, 0.95), (480, 500, 0.95)])
def test_needed_is_the_least_that_decides_a_share(right, n, bar):
    requirement = parse("accuracy", f">= {bar}", ROUTE)
    verdict = judge([requirement], [accuracy(right, n)], phases={Phase.TEST})[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    factor = (n + verdict.needed) / n
    whole = math.ceil(factor) if right < n else factor  # keep the share exactly, where it is not 1
    after = accuracy(round(right * whole), round(n * whole))
    assert judge([requirement], [after], phases={Phase.TEST})[0].outcome is not Outcome.INCONCLUSIVE
    if right == n:
        before = accuracy(n + verdict.needed - 1, n + verdict.needed - 1)
        assert judge([requirement], [before], phases={Phase.TEST})[0].outcome is Outcome.INCONCLUSIVE


def test_needed_grows_with_the_square_of_the_distance():
    near, far = (
        one("balanced_accuracy", ">= 0.9", 0.91, 0.88, 0.94),
        one("balanced_accuracy", ">= 0.9", 0.92, 0.89, 0.95),
    )
    assert near.needed == 800  # the lower end must come 3 times nearer: 900 rows
    assert far.needed == 125


@pytest.mark.parametrize(("n", "bar"), [(39, 0.9), (39, 0.98), (400, 0.99)])
def test_needed_is_the_least_that_decides_a_mean_of_rows_that_are_all_right(n, bar):
    """Rows that do not vary never get the tighter interval that others have from some hundred rows on."""
    requirement = parse("accuracy", f">= {bar}", ROUTE)

    def judged(rows):
        low, high = means.mean(np.ones(rows), 0.95, 1.0)
        found = seen(requirement, 1.0, low, high, n=rows, method=means.method(rows, 0.95))
        return judge([requirement], [found], phases={Phase.TEST})[0]

    needed = judged(n).needed
    assert judged(n + needed).outcome is Outcome.MET
    assert judged(n + needed - 1).outcome is Outcome.INCONCLUSIVE


def test_nothing_is_needed_where_no_number_decides():
    verdict = one("balanced_accuracy", ">= 0.9", 0.9, 0.88, 0.92)
    assert verdict.needed is None
    assert str(verdict.note) == "the value lies on the bar"
    assert one("accuracy", ">= 0.9", 0.95, 0.92, 0.97).needed is None


def test_needed_requests_for_a_quantile():
    requirement = parse("latency_p99", "<= 15 ms", ROUTE)
    few = from_samples(requirement.subject, np.full(100, 0.01), 0.95, Phase.PACKAGE)
    verdict = judge([requirement], [few], phases={Phase.PACKAGE})[0]
    assert verdict.outcome is Outcome.INCONCLUSIVE
    enough = from_samples(requirement.subject, np.full(100 + verdict.needed, 0.01), 0.95, Phase.PACKAGE)
    assert judge([requirement], [enough], phases={Phase.PACKAGE})[0].outcome is Outcome.MET


def test_rmse_is_judged_end_to_end():
    requirement = parse("rmse", "<= 1.2", Signature.parse("price(area: number) -> price: number"))
    truth = np.zeros(1000)
    errors = np.random.default_rng(0).normal(size=1000)
    found = measure(requirement.subject, NumberOutcomes(truth, errors), 0.95)
    assert judge([requirement], [found], phases={Phase.TEST})[0].outcome is Outcome.MET
    few = measure(requirement.subject, NumberOutcomes(truth[:15], errors[:15]), 0.95)
    assert judge([requirement], [few], phases={Phase.TEST})[0].needed > 0


# -- before anything is learned ----------------------------------------------------------------


def test_seventeen_rows_cannot_prove_a_recall_of_ninety_percent():
    found = provable(parse("recall[rare]", ">= 0.90", ROUTE), 17)
    assert (found.possible, found.errors, found.needed) == (False, None, 29)
    assert 0.9**29 <= 0.05 < 0.9**28  # what the interval's promise comes to


@given(
    st.integers(1, 300),
    st.sampled_from([0.5, 0.9, 0.97]),
    st.sampled_from(["accuracy", "recall[a]", "f1[a]"]),
)
def test_provable_foretells_the_verdict(n, bar, key):
    requirement = parse(key, f">= {bar}", ROUTE)
    found = provable(requirement, n)
    assert found.possible == (found.needed is not None and n >= found.needed)
    truth = np.zeros(n, dtype=np.int64)

    def outcome(errors: int) -> Outcome:
        answers = (np.arange(n) < errors).astype(np.int64)
        outcomes = ClassOutcomes(("a", "b"), truth, answers, np.eye(2)[answers])
        return judge([requirement], [measure(requirement.subject, outcomes, 0.95)], phases={Phase.TEST})[
            0
        ].outcome

    errors = -1 if found.errors is None else found.errors
    assert errors < 0 or outcome(errors) is Outcome.MET
    assert errors + 1 > n or outcome(errors + 1) is not Outcome.MET


def test_provable_of_failures():
    found = provable(parse("failure_rate", "<= 0.1 %", ROUTE), 10_000)
    assert found.possible
    assert found.needed == 2995
    met = from_counts(Subject("failure_rate"), found.errors, 10_000, 0.95, Phase.LIVE)
    not_met = from_counts(Subject("failure_rate"), found.errors + 1, 10_000, 0.95, Phase.LIVE)
    assert met.high <= 0.001 < not_met.high


def test_what_no_number_of_rows_proves():
    found = provable(parse("accuracy", ">= 1", ROUTE), 1000)
    assert (found.possible, found.needed) == (False, None)
    assert found.instead.values["bar"] == ">= 0.997"
    assert provable(parse("balanced_accuracy", ">= 0.9", ROUTE), 1000) is None
    assert provable(parse("f1", ">= 0.9", ROUTE), 1000) is None
    assert provable(parse("accuracy", ">= champion", ROUTE), 1000) is None
    assert provable(parse("accuracy", ">= 0.9", ROUTE), 0).possible is False


@pytest.mark.parametrize(
    ("key", "bar", "n"),
    [
        ("accuracy", ">= 0.99", 12),
        ("accuracy", "> 99 %", 12),
        ("recall[rare]", ">= 0.999", 2),
        ("f1[a]", ">= 0.999", 17),
        ("failure_rate", "<= 0.1 %", 100),
        ("unseen_rate", "< 0.0001", 442),
    ],
)
def test_where_far_more_rows_would_be_needed_it_says_what_these_prove(key, bar, n):
    found = provable(parse(key, bar, ROUTE), n)
    assert (found.possible, found.errors, found.needed) == (False, None, None)
    assert f"these {n} rows prove" in str(found.instead)
    told = found.instead.values["bar"]
    assert provable(parse(key, told, ROUTE), n).errors == 0
    operator, value = told.split(maxsplit=1)
    sign = 1 if operator.startswith(">") else -1
    share = float(value.rstrip(" %")) / (100 if "%" in value else 1)
    nearer = share + sign * 0.01 * max(share if sign < 0 else 1 - share, 0.01)
    assert not provable(parse(key, f"{operator} {nearer:.6f}", ROUTE), n).possible


def test_where_ten_times_the_rows_would_do_their_number_is_advice():
    found = provable(parse("accuracy", ">= 0.9", ROUTE), 3)
    assert (found.needed, found.instead) == (29, None)
    assert provable(parse("accuracy", ">= 0.9", ROUTE), 0).needed == 29  # nothing is proved by no row


@pytest.mark.parametrize("end", [-1.7976931348623157e308, 1.7976931348623157e308, 5e-324, 0.0])
def test_the_last_numbers_there_are_can_be_said(end):
    requirement = parse("rmse", "<= 1e300", Signature.parse("f(a: number) -> y: number"))
    seen = Measurement(requirement.subject, Phase.TEST, min(end, 0.0), None, end, 50, "mid-p")
    (verdict,) = judge([requirement], [seen], phases={Phase.TEST})
    assert "inf" not in str(verdict.note or "")


def test_looks_share_the_error():
    shares = [1 - evaluation_confidence(0.95, k) for k in range(1, 20_000)]
    assert shares[0] == pytest.approx(0.05 * 6 / math.pi**2)
    assert shares == sorted(shares, reverse=True)
    assert 0.0499 < sum(shares) <= 0.05
