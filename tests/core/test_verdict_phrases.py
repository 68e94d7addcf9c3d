"""What a verdict says: the phrase of each case with its numbers, and how many more rows would decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from requirement_texts import parse
from scipy import stats

from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.verdict import Outcome, Verdict, evaluation_confidence, gate, judge, provable
from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature

ROUTE = Signature.parse("route(question: text) -> domain: category")
PRICE = Signature.parse("price(area: number) -> price: number")


def one(
    key,
    bar,
    value,
    low,
    high,
    *,
    n=100,
    method="saddlepoint",
    signature=ROUTE,
    confidence=0.95,
    phase=Phase.TEST,
    unjudged=0,
) -> Verdict:
    requirement = parse(key, bar, signature)
    seen = Measurement(requirement.subject, phase, value, low, high, n, method, confidence, unjudged)
    given = ([], [seen]) if requirement.bar.champion else ([seen], [])
    (verdict,) = judge([requirement], *given, phases={phase})
    assert (verdict.requirement, verdict.phase, verdict.measurement) == (requirement, phase, seen)
    return verdict


# -- without a value -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "n", "phase", "outcome", "phrase"),
    [
        (None, 5, Phase.PACKAGE, Outcome.UNMET, "verdict.not-finite"),
        (math.nan, 5, Phase.PACKAGE, Outcome.UNMET, "verdict.not-finite"),
        (math.inf, 1, Phase.LIVE, Outcome.UNMET, "verdict.not-finite"),
        (None, 0, Phase.PACKAGE, Outcome.INCONCLUSIVE, "verdict.nothing-to-measure"),
        (None, 0, Phase.LIVE, Outcome.PENDING, "verdict.no-traffic"),
    ],
)
def test_what_has_no_value(value, n, phase, outcome, phrase):
    verdict = one("latency_p95", "<= 15 ms", value, None, None, n=n, phase=phase)
    assert (verdict.outcome, verdict.note, verdict.needed) == (outcome, Phrase(phrase), None)
    # rows that the slice could not judge are the nearer reason
    counted = one("latency_p95", "<= 15 ms", value, None, None, n=n, phase=phase, unjudged=7)
    assert (counted.outcome, counted.note) == (outcome, Phrase("verdict.unjudged", count=7))


@pytest.mark.parametrize(
    ("bar", "phase", "outcome", "phrase"),
    [
        ("<= 15 ms", Phase.PACKAGE, Outcome.UNMET, "verdict.not-measured"),
        ("<= 15 ms", Phase.LIVE, Outcome.PENDING, "verdict.no-traffic"),
        ("<= champion", Phase.PACKAGE, Outcome.PENDING, "verdict.no-champion"),
        ("<= champion + 2 ms", Phase.LIVE, Outcome.PENDING, "verdict.no-champion"),
    ],
)
def test_what_was_not_measured(bar, phase, outcome, phrase):
    requirement = parse("latency_p95", bar, ROUTE)
    (verdict,) = judge([requirement], [], phases={phase})
    assert verdict == Verdict(requirement, phase, None, outcome, None, Phrase(phrase))


def test_a_difference_without_a_value_is_no_missing_champion():
    verdict = one("accuracy", ">= champion", None, None, None, n=0)
    assert (verdict.outcome, verdict.note) == (Outcome.INCONCLUSIVE, Phrase("verdict.nothing-to-measure"))


# -- decided -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "outcome"), [(0.91, Outcome.MET), (0.5, Outcome.UNMET)])
def test_what_is_decided_says_only_what_the_slice_could_not_judge(low, outcome):
    args = ("accuracy", ">= 0.9", low + 0.01, low, low + 0.02)
    assert (one(*args).outcome, one(*args).note, one(*args).needed) == (outcome, None, None)
    assert one(*args, unjudged=1234).note == Phrase("verdict.unjudged", count=1234)


# -- open ----------------------------------------------------------------------------------------------------


def test_rows_that_are_missing_need_no_phrase():
    verdict = one("balanced_accuracy", ">= 0.9", 0.91, 0.88, 0.94)
    assert (verdict.outcome, verdict.needed, verdict.note) == (Outcome.INCONCLUSIVE, 800, None)
    assert one("balanced_accuracy", ">= 0.9", 0.91, 0.88, 0.94, unjudged=3).note == Phrase(
        "verdict.unjudged", count=3
    )


def test_a_value_on_the_bar():
    verdict = one("balanced_accuracy", ">= 0.9", 0.9, 0.88, 0.92, unjudged=4)
    assert (verdict.needed, verdict.note) == (None, Phrase("verdict.on-the-bar"))


@pytest.mark.parametrize(
    ("key", "bar", "value", "low", "high", "proves"),
    [
        ("balanced_accuracy", ">= 0.9", 0.905, 0.88349, 0.93, ">= 0.883"),  # rounded away from the value
        ("balanced_accuracy", "> 0.9", 0.905, 0.88349, 0.93, "> 0.883"),
        ("balanced_accuracy", ">= 0.9", 0.905, 0.05678, 0.93, ">= 0.0567"),
        ("calibration_error", "<= 0.1", 0.099, 0.03, 0.12341, "<= 0.124"),
        ("calibration_error", "<= 0.1", 0.099, 0.03, 0.7, "<= 0.7"),
        ("log_loss", "<= 1000", 999.0, 500.0, 12345.0, "<= 12400"),
        ("r2", ">= 0.5", 0.501, 0.0, 0.6, ">= 0"),
        ("r2", ">= 0.5", 0.501, -0.01234, 0.6, ">= -0.0124"),
    ],
)
def test_what_the_rows_do_prove_where_too_many_more_would_be_needed(key, bar, value, low, high, proves):
    signature = PRICE if key == "r2" else ROUTE
    verdict = one(key, bar, value, low, high, n=150, signature=signature)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.needed is None
    assert verdict.note == Phrase(
        "verdict.provable", n=150, bar=proves, key=verdict.requirement.key, flawless=False
    )
    held = parse(key, proves, signature)  # the bar that is named is one that these rows meet
    seen = verdict.measurement
    assert judge([held], [seen], phases={Phase.TEST})[0].outcome is (
        Outcome.MET if "=" in proves or low > 0.883 else Outcome.INCONCLUSIVE
    )


def test_what_lies_on_the_wrong_side_proves_nothing_better():
    assert one("balanced_accuracy", ">= 0.9", 0.899, 0.8, 0.95).note is None
    assert one("calibration_error", "<= 0.1", 0.101, 0.0, 0.2).note is None
    assert one("calibration_error", "<= 0.1", 0.101, 0.0, 0.2, unjudged=2).note == Phrase(
        "verdict.unjudged", count=2
    )
    # nor does a bar relative to the champion, for none else can be named
    assert one("accuracy", ">= champion", 0.001, -0.1, 0.1, method="paired").note is None
    # nor an end that is not known
    assert one("balanced_accuracy", ">= 0.9", 0.901, None, 0.95).note is None


@pytest.mark.parametrize("bar", [">= 0.9", "> 0.9"])
def test_ten_times_the_rows_is_the_most_that_is_asked_for(bar):
    def needed(distance: float) -> int | None:
        return one("balanced_accuracy", bar, 0.9 + distance, 0.8, 0.99).needed

    # with the lower end 0.1 + distance below the value, n rows must become n ((0.1 + d)/d)²
    assert needed(0.1 / (math.sqrt(11.05) - 1)) is None  # needs 1,005 more of 100
    assert needed(0.1 / (math.sqrt(10.995) - 1)) == 1000
    assert one("balanced_accuracy", bar, 0.9 + 0.1 / (math.sqrt(10.95) - 1), 0.8, 0.99).note is None


def test_needed_rows_take_the_end_beside_the_bar():
    """Where the value is below a bar, the upper end is the one that must come nearer."""
    assert one("balanced_accuracy", ">= 0.9", 0.89, 0.5, 0.91).needed == 300  # (0.02/0.01)² · 100 less 100
    assert one("calibration_error", "<= 0.1", 0.09, 0.06, 0.5).needed is None
    assert one("calibration_error", "<= 0.1", 0.09, 0.06, 0.12).needed == 800
    assert one("calibration_error", "<= 0.5", 0.5625, 0.4375, 0.9).needed == 300


def test_what_no_number_of_rows_decides_is_not_forecast():
    # the interval would have to shrink more than ten thousand times
    assert one("balanced_accuracy", ">= 0.9", 0.9 + 1e-9, 0.7, 0.99).needed is None
    # a share of 1 is never proven
    assert one("accuracy", ">= 1", 0.999, 0.99, 1.0, method="mid-p").needed is None


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_needed_rows_of_a_share_are_exact(confidence):
    """At 97 % right, the least n with P(X ≥ 0.97 n) - P(X = 0.97 n)/2 at most half the error, for a share of 0.95."""
    n, value, bar = 200, 0.97, 0.95
    verdict = one("accuracy", f">= {bar}", value, 0.9405, 0.99, n=n, method="mid-p", confidence=confidence)

    def tail(rows: int) -> float:  # P(X > k) + P(X = k)/2 at k = 0.97 rows, in SciPy's continuous form
        k = value * rows
        pmf = math.exp(
            math.lgamma(rows + 1)
            - math.lgamma(k + 1)
            - math.lgamma(rows - k + 1)
            + k * math.log(bar)
            + (rows - k) * math.log1p(-bar)
        )
        return float(stats.beta.cdf(bar, k + 1, rows - k)) + pmf / 2

    half = (1 - confidence) / 2
    least = next(rows for rows in range(n + 1, 10_000) if tail(rows) <= half)
    assert verdict.needed == least - n


@pytest.mark.parametrize(("n", "needed"), [(30, 247), (276, 1)])
def test_an_interval_by_bets_becomes_far_tighter_with_the_rows_of_a_tilt(n, needed):
    """From 277 rows on, 95 % confidence; more than ten times the rows are asked for only for an end that is open."""
    verdict = one("rmse", "<= 1", 0.9, 0.5, 1.2, n=n, method="betting", signature=PRICE)
    assert verdict.needed == needed
    assert one("rmse", "<= 1", 0.9, 0.5, 1.2, n=20, method="betting", signature=PRICE).needed is None
    assert one("rmse", "<= 1", 0.9, 0.5, None, n=20, method="betting", signature=PRICE).needed == 257


def test_needed_rows_of_what_is_no_exact_share_follow_the_root_of_n():
    assert one("accuracy", ">= 0.9", 0.91, 0.88, 0.94, method="paired").needed == 800
    assert one("balanced_accuracy", ">= 0.5", 0.75, 0.25, 1.0, n=1).needed == 3
    assert one("r2", ">= 0.5", 0.9, None, 1.0, n=20, method="betting", signature=PRICE).needed == 257


@pytest.mark.parametrize(
    ("bar", "low", "high"),
    [("<= 0.1", 0.1, 0.2), (">= 0.1", 0.05, 0.1), ("< 0.1", 0.05, 0.1), ("> 0.1", 0.1, 0.2)],
)
def test_an_end_on_the_bar_decides_only_what_the_bar_takes_in(bar, low, high):
    key = "calibration_error" if "<" in bar else "balanced_accuracy"
    assert one(key, bar, 0.1, low, high).outcome is Outcome.INCONCLUSIVE


# -- an end that is not known --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "value", "n", "method", "phrase"),
    [
        # few rows: rare large errors may not have been seen
        ("rmse", 0.5, 100, "betting", {"close": 277, "least": None, "flawless": False, "ranged": True}),
        ("mape", 0.5, 100, "betting", {"close": None, "least": 277, "flawless": False, "ranged": False}),
        ("rmse", 0.0, 100, "betting", {"close": 277, "least": None, "flawless": True, "ranged": True}),
        ("mape", 0.0, 100, "betting", {"close": None, "least": 277, "flawless": False, "ranged": False}),
        # rows enough, but a few carry most of the error
        ("rmse", 0.5, 277, "tilting", {"close": None, "least": None, "flawless": False, "ranged": True}),
        ("mape", 0.5, 277, "tilting", {"close": None, "least": None, "flawless": False, "ranged": False}),
        ("rmse", 0.0, 5000, "tilting", {"close": None, "least": None, "flawless": True, "ranged": True}),
    ],
)
def test_why_an_end_is_open(metric, value, n, method, phrase):
    verdict = one(metric, "<= 1", value, 0.0, None, n=n, method=method, signature=PRICE)
    assert verdict.note == Phrase("verdict.open-end", n=n, **phrase)
    assert verdict.needed == (277 - n if n < 277 else None)
    # under a stricter confidence more rows are needed: so many show what befalls one in 50 twice, all but surely
    more = next(n for n in range(1, 9999) if 0.98**n + n * 0.02 * 0.98 ** (n - 1) <= 0.0005)
    strict = one(metric, "<= 1", value, 0.0, None, n=n, method=method, signature=PRICE, confidence=0.999)
    assert strict.note.values["close" if phrase["ranged"] else "least"] == (more if n < more else None)


def test_r2_is_open_below_and_flawless_at_one():
    verdict = one("r2", ">= 0.5", 1.0, None, 1.0, n=50, method="betting", signature=PRICE)
    assert verdict.note == Phrase("verdict.open-end", n=50, close=277, least=None, flawless=True, ranged=True)
    verdict = one("r2", ">= 0.5", 0.0, None, 1.0, n=50, method="betting", signature=PRICE)
    assert verdict.note.values["flawless"] is False


@pytest.mark.parametrize(
    ("method", "bar", "high"),
    [("betting", "<= champion", None), ("other", "<= 1", None), ("betting", "<= 1", 2.0)],
)
def test_other_open_ends_are_not_explained_so(method, bar, high):
    verdict = one("rmse", bar, 0.5, -1.0, high, n=100, method=method, signature=PRICE)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.note is None or verdict.note.id != "verdict.open-end"


@pytest.mark.parametrize(
    ("metric", "quantile"), [("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_a_quantile_has_an_end_once_all_samples_on_one_side_are_unlikely(metric, quantile, confidence):
    tail = (1 - confidence) / 2
    above = one(
        metric,
        "<= 15 ms",
        0.01,
        0.009,
        None,
        n=3,
        phase=Phase.PACKAGE,
        method="order-statistics",
        confidence=confidence,
    )
    total = next(n for n in range(1, 2000) if quantile**n <= tail)
    assert above.needed == max(total - 3, 1)
    below = one(
        metric,
        "<= 15 ms",
        0.02,
        None,
        0.03,
        n=3,
        phase=Phase.PACKAGE,
        method="order-statistics",
        confidence=confidence,
    )
    total = next(n for n in range(1, 2000) if (1 - quantile) ** n <= tail)
    assert below.needed == max(total - 3, 1)
    relative = one(metric, "<= champion", -0.001, None, None, n=3, phase=Phase.PACKAGE, method="mover")
    assert relative.needed is None


# -- gates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("domain.recall[a] where lang == 'zh'", True),  # the subject
        ("recall[a] where lang == 'zh'", True),  # as the project file says it
        ("recall[a] where lang == 'zh' >= 0.9", True),
        ("recall[a] where lang == 'zh' ≥ 0.9", True),
        ("  recall[a]   where lang == 'zh' ", True),
        ("recall[a]", False),
        ("recall", False),
        ("", False),
    ],
)
def test_a_requirement_is_allowed_by_any_of_its_texts(text, passes):
    requirement = parse("recall[a] where lang == 'zh'", ">= 0.9", ROUTE)
    assert str(requirement.subject) == "domain.recall[a] where lang == 'zh'"
    unsure = Verdict(requirement, Phase.TEST, None, Outcome.INCONCLUSIVE)
    assert gate([unsure], ["size", text]) == (() if passes else (unsure,))
    assert gate([unsure], []) == (unsure,)


def test_the_first_evaluation_is_one():
    assert evaluation_confidence(0.9, 1) == pytest.approx(1 - 0.1 * 6 / math.pi**2, rel=1e-12)
    assert evaluation_confidence(0.9, 3) == pytest.approx(1 - 0.1 * 6 / (9 * math.pi**2), rel=1e-12)
    with pytest.raises(AssertionError, match="counted from 1"):
        evaluation_confidence(0.95, 0)


# -- provable ------------------------------------------------------------------------------------------------


def mid_p_of_failures(errors: NDArray[np.int64], n: int, bar: float) -> NDArray[np.float64]:
    """P(X < errors) + P(X = errors)/2 of errors that befall a share `bar`."""
    return np.asarray(stats.binom.cdf(errors - 1, n, bar) + stats.binom.pmf(errors, n, bar) / 2)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 10, 100, 3000])
@pytest.mark.parametrize(("key", "bar"), [("accuracy", ">= 0.97"), ("failure_rate", "<= 3 %")])
def test_what_n_rows_prove_is_the_binomials(key, bar, n, confidence):
    """A share of 97 % right, or of 3 % wrong: the same rows prove both."""
    tail = (1 - confidence) / 2
    found = provable(parse(key, bar, ROUTE), n, confidence)
    assert found.n == n
    needed = next(m for m in range(1, 5000) if 0.97**m / 2 <= tail)
    assert found.needed == (needed if needed <= 10 * n else None)  # what takes more is not asked for
    proven = np.flatnonzero(mid_p_of_failures(np.arange(n + 1), n, 0.03) <= tail)
    assert found.errors == (proven[-1] if len(proven) else None)
    assert found.possible == (len(proven) > 0)


def test_provable_at_the_edges():
    none = provable(parse("accuracy", ">= 0.97", ROUTE), 0)
    assert (none.n, none.errors, none.possible, none.needed) == (0, None, False, 99)
    every = provable(parse("accuracy", ">= 0", ROUTE), 7)
    assert (every.n, every.errors, every.needed) == (7, 7, 1)
    assert provable(parse("accuracy", "> 0", ROUTE), 7) == every
    never = provable(parse("accuracy", ">= 1", ROUTE), 7)
    assert (never.n, never.errors, never.needed) == (7, None, None)
    assert provable(parse("failure_rate", "<= 100 %", ROUTE), 7).errors == 7
    assert provable(parse("failure_rate", "<= 0", ROUTE), 7).needed is None
    assert provable(parse("failure_rate", "<= 99.99 %", ROUTE), 7).needed == 1
    assert provable(parse("rmse", "<= 1", PRICE), 7) is None
    assert (
        provable(parse("f1[a]", ">= 0.9", ROUTE), 0).needed
        == provable(parse("accuracy", f">= {0.9 / 1.1}", ROUTE), 0).needed
    )
    assert provable(parse("failure_rate", "<= champion", ROUTE), 7) is None


def test_subjects_and_phases_are_kept_apart():
    first, second = parse("latency_p95", "<= 15 ms", ROUTE), parse("latency_p50", "<= 15 ms", ROUTE)
    live = Measurement(first.subject, Phase.LIVE, 0.02, 0.018, 0.025, 900, "order-statistics")
    other = Measurement(Subject("latency_p50"), Phase.PACKAGE, 0.01, 0.009, 0.011, 900, "order-statistics")
    found = judge([first, second], [live, other], phases={Phase.LIVE, Phase.PACKAGE, Phase.TEST})
    assert [(one.requirement, one.phase, one.outcome) for one in found] == [
        (first, Phase.PACKAGE, Outcome.UNMET),
        (first, Phase.LIVE, Outcome.UNMET),
        (second, Phase.PACKAGE, Outcome.MET),
        (second, Phase.LIVE, Outcome.PENDING),
    ]
    assert found[0].note == Phrase("verdict.not-measured")
    assert found[1].note is None


@pytest.mark.parametrize(
    ("key", "bar", "n"),
    [("accuracy", ">= 0.999", 20), ("f1[a]", ">= 0.999", 20), ("failure_rate", "<= 0.1 %", 20)],
)
def test_what_rows_without_an_error_prove_where_far_more_would_be_needed(key, bar, n):
    requirement = parse(key, bar, ROUTE)
    found = provable(requirement, n)
    assert (found.n, found.errors, found.possible, found.needed) == (n, None, False, None)
    least = 0.05 ** (1 / n)  # P(X = n)/2 = 0.025
    share = {"accuracy": least, "f1[a]": 2 * least / (1 + least), "failure_rate": 1 - least}[key]
    up = key == "failure_rate"
    shown = (math.ceil if up else math.floor)(share * 1000) / 1000
    op = "<=" if up else ">="
    assert found.instead == Phrase(
        "verdict.provable", n=n, bar=f"{op} {shown:g}", key=requirement.key, flawless=True
    )
    near = provable(parse("accuracy", ">= 0.97", ROUTE), 50)
    assert (near.errors, near.needed, near.instead) == (None, 99, None)
