"""Verdicts: a pure function of requirements and measurements. What gates, canaries and alerts all ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelwright.core.evidence import clusters, intervals, means
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Bar, Requirement

_MOST_ROWS = 10**8  # beyond this a needed n is forecast by the square-root law instead of searched
_MOST_SEARCHED = 10**4  # rows of a mean: beyond, its needed n follows from a law, too
_MOST_MORE = 10  # times the rows at hand: what takes more is not asked for
_MOST_TIMES = 10**4  # an interval that must shrink more than this is decided by no number of rows


class Outcome(StrEnum):
    """Names how a requirement stands."""

    MET = "met"  # the whole interval is on the right side of the bar
    UNMET = "unmet"  # it is on the wrong side, or what should have been measured was not
    INCONCLUSIVE = "inconclusive"  # the bar lies inside the interval, or there was nothing to measure on
    PENDING = "pending"  # only traffic, or a champion, can show it


@dataclass(frozen=True)
class Verdict:
    """States how one requirement stands in one phase.

    `measurement` is what was held against the bar: for a bar relative to the champion, the difference.
    `needed` counts the further examples that would decide it if the value stayed as it is: rows, or groups of rows
    where these are what is independent (`measurement.groups`).
    """

    requirement: Requirement
    phase: Phase
    measurement: Measurement | None
    outcome: Outcome
    needed: int | None = None
    note: Phrase | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON, for a record of what was decided on it."""
        return {
            "requirement": str(self.requirement),
            "phase": self.phase.value,
            "verdict": self.outcome.value,
            "measurement": None if self.measurement is None else self.measurement.as_json(),
            "needed": self.needed,
            "note": None if self.note is None else str(self.note),
        }


def judge(
    requirements: Iterable[Requirement],
    measurements: Iterable[Measurement],
    differences: Iterable[Measurement] = (),
    *,
    phases: Collection[Phase],
) -> tuple[Verdict, ...]:
    """Return one verdict for each requirement and each of `phases` where its metric exists.

    Bars relative to the champion are held against `differences` (ours minus the champion's); without one
    they are pending. A live measurement that is not there yet is pending, too; elsewhere a missing or
    non-finite value is unmet, and n = 0 (nothing to measure on) is inconclusive: none is ever met.
    """
    plain = {(m.subject, m.phase): m for m in measurements}
    relative = {(m.subject, m.phase): m for m in differences}
    return tuple(
        _judge_one(requirement, phase, relative if requirement.bar.champion else plain)
        for requirement in requirements
        for phase in Phase
        if phase in phases and phase in requirement.metric.phases
    )


def overall(verdicts: Iterable[Verdict]) -> Outcome:
    """Return the verdict on all: unmet before inconclusive before pending before met."""
    found = {verdict.outcome for verdict in verdicts}
    for outcome in (Outcome.UNMET, Outcome.INCONCLUSIVE, Outcome.PENDING):
        if outcome in found:
            return outcome
    return Outcome.MET


def gate(verdicts: Iterable[Verdict], allow_inconclusive: bool | Collection[str]) -> tuple[Verdict, ...]:  # noqa: FBT001 - as the project file says it: true, or which
    """Return the verdicts that hold a release back: unmet ones, and inconclusive ones unless allowed.

    `allow_inconclusive` holds the texts of requirements (`accuracy >= 0.97`) or of what they measure
    (`accuracy`), or True for all. What is pending holds nothing back.
    """

    def allowed(requirement: Requirement) -> bool:
        if isinstance(allow_inconclusive, bool):
            return allow_inconclusive
        texts = {str(requirement), requirement.text, requirement.key, str(requirement.subject)}
        return any(" ".join(text.split()) in texts for text in allow_inconclusive)

    return tuple(
        verdict
        for verdict in verdicts
        if verdict.outcome is Outcome.UNMET
        or (verdict.outcome is Outcome.INCONCLUSIVE and not allowed(verdict.requirement))
    )


def evaluation_confidence(confidence: float, k: int) -> float:
    """Return the confidence of the k-th evaluation on the same rows (k from 1).

    The k-th evaluation spends 6/(π²k²) of the error 1 - confidence. As Σ 1/k² = π²/6 (Euler), the shares of all
    evaluations sum to 1, so that the chance of any wrong gate keeps below 1 - confidence (the union bound; a
    spending sequence as in Foster & Stine 2008, JRSS B 70:429), however many evaluations there are.
    """
    assert k >= 1, "evaluations are counted from 1"
    return 1 - (1 - confidence) * 6 / (math.pi * k) ** 2


@dataclass(frozen=True)
class Provability:
    """States what n test rows can prove about a bar, before anything is learned.

    `errors` is the most wrong rows with which it would still be met, None where even none would be too many;
    `needed` is the least n at which no wrong row would meet it, None where no n would, or only one so far from theirs
    that nobody finds as many; `instead` says what these rows prove in that case.
    """

    n: int
    errors: int | None
    needed: int | None
    instead: Phrase | None = None

    @property
    def possible(self) -> bool:
        """Say whether a perfect result would prove the requirement."""
        return self.errors is not None


def provable(requirement: Requirement, n: int, confidence: float = 0.95) -> Provability | None:
    """Return what n rows of the subject (of the class, of the slice) can prove, None where n cannot tell.

    It can for metrics that are a share of rows, with a fixed bar; of precision and F1 of a class, n is taken
    as the rows of the class, as it is for a perfect function.
    """
    metric = requirement.metric
    if (
        metric.as_share is None
        or requirement.bar.champion
        or (metric.per_class and not requirement.subject.of)
    ):
        return None
    bar = metric.as_share(requirement.bar.value)

    def proven(errors: int, rows: int) -> bool:
        if not 0 < bar < 1:  # a strict bar of 0 or 1 is beyond what a share can prove, and so is 1 itself
            return bar <= 0 if metric.better == "higher" else bar >= 1
        above = intervals.mid_p(errors if metric.better == "lower" else rows - errors, rows, bar)
        return (1 - above if metric.better == "lower" else above) <= (1 - confidence) / 2

    last_failing, enough = 0, 1
    while enough < _MOST_ROWS and not proven(0, enough):
        last_failing, enough = enough, enough * 2
    needed = _first(last_failing, enough, lambda rows: proven(0, rows)) if proven(0, enough) else None
    if n == 0:
        return Provability(n, None, needed)
    if not proven(0, n):
        far = needed is None or needed > _MOST_MORE * n
        return Provability(
            n, None, None if far else needed, _of_flawless(requirement, n, confidence, far=far)
        )
    return Provability(n, _first(0, n + 1, lambda errors: not proven(errors, n)) - 1, needed)


def _of_flawless(requirement: Requirement, n: int, confidence: float, *, far: bool) -> Phrase | None:
    """Return what n rows without an error prove of a share, None where more rows would do."""
    metric = requirement.metric
    assert metric.as_share is not None, "what is provable is a share"
    if not far:
        return None
    higher, as_share = metric.better == "higher", metric.as_share
    low, high = intervals.proportion(n if higher else 0, n, confidence)
    # the value whose share is the end; as_share rises from 0 at 0 to 1 at 1
    end = intervals.find_root(lambda value: as_share(value) - (low if higher else high), 0.0, 1.0)
    return _instead(requirement, end, n, flawless=True)


def _instead(requirement: Requirement, end: float, n: int, *, flawless: bool) -> Phrase:
    """Say which bar an end of an interval proves, rounded to the side that is met."""
    shown = _rounded(end, down=requirement.metric.better == "higher")
    bar = f"{requirement.op} {Bar(shown).text(requirement.metric.unit)}"
    return Phrase("verdict.provable", n=n, bar=bar, key=requirement.key, flawless=flawless)


def _judge_one(
    requirement: Requirement, phase: Phase, measured: dict[tuple[Subject, Phase], Measurement]
) -> Verdict:
    seen = measured.get((requirement.subject, phase))
    if seen is None or seen.value is None or not math.isfinite(seen.value):
        outcome, why = _without_value(seen, phase, champion=requirement.bar.champion)
        if seen is not None and seen.unjudged:
            why = Phrase("verdict.unjudged", count=seen.unjudged)
        return Verdict(requirement, phase, seen, outcome, note=why)
    outcome = _side(requirement.op, requirement.bar.value, seen.low, seen.high)
    note = Phrase("verdict.unjudged", count=seen.unjudged) if seen.unjudged else None
    if outcome is not Outcome.INCONCLUSIVE:
        return Verdict(requirement, phase, seen, outcome, note=note)
    needed = (_needed if seen.groups is None else _needed_groups)(requirement, seen, seen.value)
    end = seen.high if seen.value < requirement.bar.value else seen.low
    if end is not None and needed is not None and needed > _MOST_MORE * (seen.groups or seen.n):
        needed = None  # no advice: who has a hundred rows does not find ten thousand
    return Verdict(
        requirement, phase, seen, outcome, needed, _why_open(requirement, seen, seen.value, needed)
    )


def _why_open(requirement: Requirement, seen: Measurement, value: float, needed: int | None) -> Phrase | None:
    """Say what keeps a verdict open where it is not that rows are missing, and what these rows do prove."""
    higher = requirement.metric.better == "higher"
    end = seen.low if higher else seen.high
    if end is None and seen.groups is not None:
        return Phrase("verdict.few-groups", n=seen.n, groups=seen.groups)
    if end is None and seen.method in means.METHODS and not requirement.bar.champion:
        return _open_end(seen, ranged=requirement.metric.ranged, flawless=value == (1.0 if higher else 0.0))
    if value == requirement.bar.value:
        return Phrase("verdict.on-the-bar")
    kept = higher == (value > requirement.bar.value)
    if needed is None and kept and end is not None and math.isfinite(end) and not requirement.bar.champion:
        return _instead(requirement, end, seen.n, flawless=False)
    return Phrase("verdict.unjudged", count=seen.unjudged) if seen.unjudged else None


def _open_end(seen: Measurement, *, ranged: bool, flawless: bool) -> Phrase:
    """Say why the end that a bar asks for is not known; ranged: a declared range of the output would give it."""
    least = means.least_rows(seen.confidence)
    few = seen.n < least
    return Phrase(
        "verdict.open-end",
        n=seen.n,
        close=least if few and ranged else None,
        least=least if few and not ranged else None,
        flawless=flawless and ranged,
        ranged=ranged,
    )


def _rounded(end: float, *, down: bool) -> float:
    """Return an end with three digits, rounded to the side that is easier to keep."""
    if end == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(end))) - 2)
    digits = max(-math.floor(math.log10(step)), 0)
    rounded = round((math.floor(end / step) if down else math.ceil(end / step)) * step, digits)
    return rounded if math.isfinite(rounded) else end  # the last number there is


def _without_value(seen: Measurement | None, phase: Phase, *, champion: bool) -> tuple[Outcome, Phrase]:
    if seen is None and champion:
        return Outcome.PENDING, Phrase("verdict.no-champion")
    if seen is not None and seen.n > 0:
        return Outcome.UNMET, Phrase("verdict.not-finite")
    if phase is Phase.LIVE:
        return Outcome.PENDING, Phrase("verdict.no-traffic")
    if seen is None:
        return Outcome.UNMET, Phrase("verdict.not-measured")
    return Outcome.INCONCLUSIVE, Phrase("verdict.nothing-to-measure")


def _side(op: str, bar: float, low: float | None, high: float | None) -> Outcome:
    """Return on which side of the bar an interval lies; an end that is None or NaN decides nothing."""
    low = -math.inf if low is None or math.isnan(low) else low
    high = math.inf if high is None or math.isnan(high) else high
    met, unmet = {
        ">=": (low >= bar, high < bar),
        ">": (low > bar, high <= bar),
        "<=": (high <= bar, low > bar),
        "<": (high < bar, low >= bar),
    }[op]
    return Outcome.MET if met else Outcome.UNMET if unmet else Outcome.INCONCLUSIVE


def _needed(requirement: Requirement, seen: Measurement, value: float) -> int | None:
    """Return how many more rows would decide at the observed value: exactly for shares, else by 1/√n."""
    bar = requirement.bar.value
    if value == bar or seen.n == 0:
        return None
    edge = seen.high if bar > value else seen.low
    if edge is None:
        return _needed_for_an_end(requirement, seen, above=bar > value)
    nearer = (edge - value) / (bar - value)
    if not nearer <= _MOST_TIMES:
        return None
    if seen.method in means.METHODS and (more := _needed_of_a_mean(seen, value, edge, nearer)) is not None:
        return more
    total = math.ceil(seen.n * nearer**2)
    as_share = requirement.metric.as_share
    if seen.method == "mid-p" and as_share is not None and total < _MOST_ROWS:
        share, goal, tail = as_share(value), as_share(bar), (1 - seen.confidence) / 2
        if not 0 < goal < 1:
            return None

        def decides(rows: int) -> bool:
            above = intervals.mid_p(share * rows, rows, goal)
            return not tail < above < 1 - tail

        enough = max(total, seen.n + 1)
        while not decides(enough):
            enough *= 2
        total = _first(seen.n, enough, decides)
    return max(total - seen.n, 1)


def _needed_of_a_mean(seen: Measurement, value: float, edge: float, nearer: float) -> int | None:
    """Return how many more rows would decide of a mean, None where the square-root law tells."""
    more = _needed_of_equal_rows(seen, value, edge, nearer)
    if more is None and seen.method == means.BETTING:
        more = means.least_rows(seen.confidence) - seen.n  # from there on the interval is a far tighter one
    return more if more is None or more > 0 else None


def _needed_of_equal_rows(seen: Measurement, value: float, edge: float, nearer: float) -> int | None:
    """Return how many more rows would decide where all so far are equal, at 0 or 1; None where they are not.

    nearer: how many times as close the end must come. Bets alone tell of rows that do not vary, however many there
    are, and their end comes nearer by about 1/n: exactly as for rows that are all 1, (n,), whatever the largest may be.
    """
    tail = (1 - seen.confidence) / 2
    estimate = math.ceil(seen.n * (nearer - 1))
    if seen.n + estimate > _MOST_SEARCHED:
        return estimate if value == 0.0 else None
    now = means.low_of_ones(seen.n, tail)
    if not (value == 0.0 or (value == 1.0 and math.isclose(edge, now, rel_tol=1e-9))):
        return None
    goal = 1 - (1 - now) / nearer
    enough = seen.n + 1
    while means.low_of_ones(enough, tail) < goal:
        enough *= 2
    return _first(seen.n, enough, lambda rows: means.low_of_ones(rows, tail) >= goal) - seen.n


def _needed_groups(requirement: Requirement, seen: Measurement, value: float) -> int | None:
    """Return how many more groups would decide at the observed value, by 1/√groups."""
    bar, groups = requirement.bar.value, seen.groups
    if value == bar or not groups:
        return None
    edge = seen.high if bar > value else seen.low
    if edge is None:
        least = means.least_rows(seen.confidence) if seen.method in means.METHODS else clusters.LEAST_GROUPS
        return max(least - groups, 0) or None
    nearer = (edge - value) / (bar - value)
    return max(math.ceil(groups * nearer**2) - groups, 1) if nearer <= _MOST_TIMES else None


def _needed_for_an_end(requirement: Requirement, seen: Measurement, *, above: bool) -> int | None:
    """Return how many more rows would give an interval the end that it lacks; None where that cannot be told."""
    if seen.method in means.METHODS:
        return max(means.least_rows(seen.confidence) - seen.n, 0) or None
    quantile = requirement.metric.quantile
    if quantile is None or requirement.bar.champion:
        return None
    rare = quantile if above else 1 - quantile  # the bound exists once rare^n falls below the tail
    return max(math.ceil(math.log((1 - seen.confidence) / 2) / math.log(rare)) - seen.n, 1)


def _first(fails: int, holds: int, condition: Callable[[int], bool]) -> int:
    """Return the first number above `fails`, and up to `holds`, for which a rising condition holds."""
    while holds - fails > 1:
        middle = (fails + holds) // 2
        fails, holds = (fails, middle) if condition(middle) else (middle, holds)
    return holds
