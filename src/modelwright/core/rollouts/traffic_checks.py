"""What traffic shows of a version that is rolled out, held against its requirements and against the champion's traffic.

Every check is a bet that may be read at any time (`core/evidence/sequential.py`). A version that breaks a requirement
is promoted only if the check of that requirement errs, so each has the whole error for `met`; a version that keeps
them all is aborted if any of k checks errs, so each has error/k for `unmet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import operation, sequential
from modelwright.core.evidence.labelled_rows import LabelledRows
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import Metric, RequestTimes
from modelwright.core.evidence.sequential import BoundedSample, Ends
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Bar, Requirement
from modelwright.core.rollouts.strategy import Strategy

Floats = NDArray[np.float64]
FAILED_FROM, TIMED_OUT = 500, 504
# Of the champion since the rollout began, from which its quantile of latency is taken; they are in no pair. That of the
# time before counts where it is lower: a champion that has become quick since then (a warm cache, a quiet night) hardly
# ever exceeds what it took before, and of two that exceed nothing none is proven to be as quick.
LEVEL_ROWS = 200


@dataclass(frozen=True)
class ShownTraffic:
    """The rows of one version since the rollout began, in the order of arrival.

    time_s, latency_s: (n,) seconds; code: (n,) HTTP statuses. labels: the rows whose truth is known. unseen: rows with
    a value that training never showed, by input; "" stands for any input. confidence: (n,) the lowest of a row's
    outputs, NaN where there is none. compared: requests that both versions answered, and how many of them differently.
    first_s, tokens_per_second: (n,) of answers written token by token, NaN of others; (0,) where there are none.
    """

    time_s: Floats
    latency_s: Floats
    code: NDArray[np.int64]
    labels: LabelledRows = field(default_factory=lambda: LabelledRows((np.zeros(0), np.zeros(0, np.bool_))))
    unseen: Mapping[str, int] = field(default_factory=dict)
    confidence: Floats = field(default_factory=lambda: np.zeros(0))
    compared: tuple[int, int] = (0, 0)
    first_s: Floats = field(default_factory=lambda: np.zeros(0))
    tokens_per_second: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Return which rows were answered with an internal error, (n,)."""
        failed: NDArray[np.bool_] = self.code >= FAILED_FROM
        return failed

    @property
    def timed(self) -> NDArray[np.bool_]:
        """Return which rows have a latency that counts, (n,): answered, or waited in vain."""
        timed: NDArray[np.bool_] = (self.code < FAILED_FROM) | (self.code == TIMED_OUT)
        return timed


@dataclass(frozen=True)
class _Check:
    """A mean of bounded values against a bar: what decides, and how it is shown. n = 0: nothing to decide on yet."""

    requirement: Requirement
    sample: BoundedSample
    bar: float
    value: float | None
    ends: Callable[[float, float], Ends]
    n: int
    higher: bool = False  # whether the mean must be above the bar
    broken: bool = False  # a figure that is no number

    def verdict(self, error: float, unmet_error: float, *, figures: bool) -> Verdict:
        met, unmet = sequential.is_below, sequential.is_above
        if self.higher:
            met, unmet = unmet, met
        if self.broken:
            outcome, note = Outcome.UNMET, Phrase("verdict.not-finite")
        elif not self.n:
            outcome, note = Outcome.PENDING, Phrase("verdict.no-traffic")
        else:
            note = None
            outcome = (
                Outcome.UNMET
                if unmet(self.sample, self.bar, unmet_error)
                else Outcome.MET
                if met(self.sample, self.bar, error)
                else Outcome.INCONCLUSIVE
            )
        if not figures or not self.n:
            return Verdict(self.requirement, Phase.LIVE, None, outcome, note=note)
        # a lower end refutes "lower is better", and proves "higher is better"
        low, high = self.ends(*((error, unmet_error) if self.higher else (unmet_error, error)))
        shown = Measurement(
            self.requirement.subject,
            Phase.LIVE,
            None if self.broken else self.value,
            low,
            high,
            self.n,
            sequential.METHOD,
            1 - error,
        )
        needed = None
        if outcome is Outcome.INCONCLUSIVE:
            total = sequential.rows_needed(self.sample, self.bar, error)
            needed = max(total - self.n, 1) if total is not None else None
        return Verdict(self.requirement, Phase.LIVE, shown, outcome, needed, note)


def judge_rollout(
    requirements: Iterable[Requirement],
    strategy: Strategy,
    ours: ShownTraffic,
    champions: ShownTraffic,
    before: RequestTimes,
    metrics: Callable[[str], Metric],
    *,
    figures: bool = True,
) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """Return the verdicts that must all be met, and those that can only stop the version.

    before: of requests to the champion before the rollout. Its latency is that of these or of its first LEVEL_ROWS rows
    since then, whichever is lower; fewer than LEVEL_ROWS show nothing. metrics: a metric by its name. figures: whether
    values and ends are wanted, which take longer.
    """
    first, champions = _first_rows(champions)
    earlier = [one for one in (before, first) if len(one.latency_s) >= LEVEL_ROWS]
    bars = [*requirements, *not_worse(strategy, requirements, earlier, metrics)]
    checks = [one for bar in bars if (one := _check(bar, ours, champions, earlier)) is not None]
    unmet_error = strategy.error / max(len(checks), 1)
    needed: list[Verdict] = []
    optional: list[Verdict] = []
    for check in checks:
        labels = check.requirement.metric.name == operation.LABELLED_ACCURACY
        place = optional if labels and not strategy.needs_labels else needed
        verdict = check.verdict(strategy.error, unmet_error, figures=figures)
        if labels:
            verdict = _without_any_key(verdict, ours, champions, strategy.error, unmet_error)
        place.append(verdict)
    return tuple(needed), tuple(optional)


def _without_any_key(
    verdict: Verdict, ours: ShownTraffic, champions: ShownTraffic, error: float, unmet_error: float
) -> Verdict:
    """Return a verdict on labels, open where it would be another one without the labels of some key.

    Each of these verdicts errs as seldom as stated where the labels that it rests on are honest; so does one on which
    all of them agree, if at most one key is not.
    """
    if verdict.outcome not in (Outcome.MET, Outcome.UNMET):
        return verdict
    for key in sorted({*ours.labels.without, *champions.labels.without}):
        mine, theirs = (one.labels.without.get(key, one.labels.rows) for one in (ours, champions))
        check = _hits(verdict.requirement, *mine, *theirs)
        if check.verdict(error, unmet_error, figures=False).outcome is not verdict.outcome:
            note = Phrase(
                "verdict.one-key", key=key or None, verdict=Phrase("screen.word", word=verdict.outcome.value)
            )
            return replace(verdict, outcome=Outcome.INCONCLUSIVE, needed=None, note=note)
    return verdict


def not_worse(
    strategy: Strategy,
    requirements: Iterable[Requirement],
    earlier: Sequence[RequestTimes],
    metrics: Callable[[str], Metric],
) -> Iterator[Requirement]:
    """Yield the bars beside the champion that the strategy adds to those of the project file."""
    stated = {one.subject.metric for one in requirements if one.bar.champion}
    for name, tolerance in strategy.tolerances:
        metric, bar_value = metrics(name), tolerance
        if name in stated:
            continue
        if metric.quantile is not None:
            # of a latency the tolerance is a share; without any row before, nothing can be compared yet
            level = _level(metric, metric.quantile, earlier)
            bar_value = float(f"{tolerance * level:.3g}")  # three digits, as it is shown
        higher = metric.better == "higher"
        bar = Bar(-bar_value if higher else bar_value, champion=True)
        yield Requirement(Subject(name), ">=" if higher else "<=", bar, metric)


def _check(
    requirement: Requirement, ours: ShownTraffic, champions: ShownTraffic, earlier: Sequence[RequestTimes]
) -> _Check | None:
    """Return the check of a requirement, None for one that traffic cannot show."""
    metric = requirement.metric
    if Phase.LIVE not in metric.phases:
        return None
    if metric.quantile is not None:
        return _of_quantile(requirement, metric.quantile, ours, champions, earlier)
    match metric.name:
        case operation.UNSEEN_RATE:
            answered = int((ours.code < FAILED_FROM).sum())
            found = _share(requirement, ours.unseen.get(requirement.subject.of or "", 0), answered)
        case operation.DISAGREEMENT:
            found = _share(requirement, ours.compared[1], ours.compared[0])
        case operation.ESTIMATED_ACCURACY:
            found = _estimated(requirement, ours, champions)
        case operation.LABELLED_ACCURACY:
            found = _hits(requirement, *ours.labels.rows, *champions.labels.rows)
        case operation.FAILURE_RATE:
            found = _hits(requirement, ours.time_s, ours.failed, champions.time_s, champions.failed)
        case _:  # a live metric of another distribution: nothing here knows how it is measured
            return None
    return found


def _hits(
    requirement: Requirement,
    time_s: Floats,
    hits: NDArray[np.bool_],
    champions_s: Floats,
    champions: NDArray[np.bool_],
) -> _Check:
    """Return the check of a share of rows: by itself, or beside the champion's rows of the same time."""
    if not requirement.bar.champion:
        return _share(requirement, int(hits.sum()), len(hits))
    mine, theirs = sequential.pair(time_s, champions_s)
    a, b = hits[mine], champions[theirs]
    sample = BoundedSample.of_pairs(float((a & ~b).sum()), float((~a & b).sum()), len(a))
    return _of_sample(requirement, sample)


def _estimated(requirement: Requirement, ours: ShownTraffic, champions: ShownTraffic) -> _Check:
    """Return the check of the mean confidence: what a calibrated function's share of right answers is.

    This is confidence-based performance estimation (CBPE): each answer is taken as right with its confidence.
    """
    (mine_s, mine), (theirs_s, theirs) = _confident(ours), _confident(champions)
    if not requirement.bar.champion:
        return _of_sample(requirement, BoundedSample.of(mine))
    first, second = sequential.pair(mine_s, theirs_s)
    return _of_sample(requirement, BoundedSample.of(mine[first] - theirs[second], -1.0, 1.0))


def _confident(traffic: ShownTraffic) -> tuple[Floats, Floats]:
    """Return times and confidences (k,) of the rows that have one, to three digits, so that few values are distinct."""
    known = np.flatnonzero(np.isfinite(traffic.confidence))
    return traffic.time_s[known], np.clip(np.round(traffic.confidence[known], 3), 0.0, 1.0)


def _share(requirement: Requirement, hits: int, n: int) -> _Check:
    return _of_sample(requirement, BoundedSample.of_share(float(hits), float(n)))


def _of_sample(requirement: Requirement, sample: BoundedSample) -> _Check:
    return _Check(
        requirement,
        sample,
        requirement.bar.value,
        sample.mean,
        lambda low, high: sequential.ends(sample, low, high),
        sample.n,
        higher=requirement.metric.better == "higher",
    )


def _of_quantile(
    requirement: Requirement,
    quantile: float,
    ours: ShownTraffic,
    champions: ShownTraffic,
    earlier: Sequence[RequestTimes],
) -> _Check:
    """Return the check of a quantile q of a time: rows above its bar must be rarer than 1 - q, or the champion's.

    Of a figure that should be high (tokens a second) all is done with its negative, for which low is better.
    """
    metric = requirement.metric
    sign = _sign(metric)
    time_s, seconds = _sampled(metric, ours)
    broken = bool(len(seconds)) and not bool(np.isfinite(seconds).all())
    bar = sign * requirement.bar.value

    def turned(ends: Ends) -> Ends:
        low, high = ends if sign > 0 else ends[::-1]
        return None if low is None else sign * low, None if high is None else sign * high

    if not requirement.bar.champion:
        ordered = np.sort(seconds)
        n = len(ordered)
        exceeding = n - int(np.searchsorted(ordered, bar, "right"))
        sample = BoundedSample.of_share(float(exceeding), float(n))

        def ends(error_low: float, error_high: float) -> Ends:
            places = sequential.positions(n, quantile, error_low, error_high)
            low, high = (None if one is None else float(ordered[one]) for one in places)
            return turned((low, high))

        value = sign * _quantile(ordered, quantile) if n else None
        return _Check(requirement, sample, 1 - quantile, value, ends, n, broken=broken)
    # pairs whose champion's row has no figure that counts say nothing
    theirs_s, theirs_seconds = _sampled(metric, champions)
    known = np.isfinite(theirs_seconds)
    mine, theirs = sequential.pair(time_s, theirs_s[known])
    first, second = seconds[mine], theirs_seconds[known][theirs]
    level = sign * _level(metric, quantile, earlier)
    n = len(first) if np.isfinite(level) else 0
    a, b = first > level + bar, second > level
    sample = BoundedSample.of_pairs(float((a & ~b).sum()), float((~a & b).sum()), float(n))
    # the shift at which ours exceed as often as the champion's exceed the level: it lies within its own ends
    value = sign * (_quantile(first, 1 - float(b.mean())) - level) if n else None
    return _Check(
        requirement,
        sample,
        0.0,
        value,
        lambda low, high: turned(sequential.shift_ends(first, second, level, low, high)),
        n,
        broken=broken,
    )


def _sign(metric: Metric) -> float:
    return 1.0 if metric.better == "lower" else -1.0


def _sampled(metric: Metric, traffic: ShownTraffic) -> tuple[Floats, Floats]:
    """Return times and figures (k,) of the rows that count for a metric; figures of which low is better."""
    values: Floats = getattr(traffic, metric.sample)
    if metric.sample == "latency_s":
        kept = traffic.timed
    elif not len(values):
        return np.zeros(0), np.zeros(0)
    else:
        kept = np.isfinite(values)
    return traffic.time_s[kept], _sign(metric) * values[kept]


def _level(metric: Metric, quantile: float, earlier: Sequence[RequestTimes]) -> float:
    """Return the best of the quantiles of what requests took at several times before, NaN where there were none."""
    sign = _sign(metric)
    found = [_quantile(sign * values, quantile) for one in earlier if len(values := one.of(metric))]
    return sign * min(found) if found else float("nan")


def _first_rows(champions: ShownTraffic) -> tuple[RequestTimes, ShownTraffic]:
    """Return what the champion's first rows took, and its traffic without them; none where there are too few."""
    counted = np.flatnonzero(champions.timed & np.isfinite(champions.latency_s))
    is_enough = len(counted) >= LEVEL_ROWS
    first = counted[:LEVEL_ROWS] if is_enough else counted[:0]
    names = ("latency_s", "first_s", "tokens_per_second")
    found = {name: values[first] for name in names if len(values := getattr(champions, name))}
    blank = {name: getattr(champions, name).copy() for name in found}
    for values in blank.values():
        # in no pair of figures; whether they failed still counts
        values[: first[-1] + 1 if is_enough else None] = np.nan
    return RequestTimes(**found), replace(champions, **blank)


def _quantile(seconds: Floats, quantile: float) -> float:
    """Return the sample quantile of type 1, as measurements of latency have it."""
    return float(np.quantile(seconds, quantile, method="inverted_cdf"))


def rows_needed(
    requirements: Sequence[Requirement],
    strategy: Strategy,
    before: RequestTimes,
    shares: Mapping[str, float],
    metrics: Callable[[str], Metric],
) -> dict[str, int | None]:
    """Return by requirement how many rows of a version like the champion prove it; None: no number of them would.

    before: what requests to the champion took; shares: by metric, its failure_rate and labelled_accuracy as far as they
    are known. What nothing is known of is left out.
    """
    found: dict[str, int | None] = {}
    for one in [*requirements, *not_worse(strategy, requirements, [before], metrics)]:
        quantile, bar = one.metric.quantile, one.bar.value
        values = _sign(one.metric) * before.of(one.metric)  # of which low is better
        if quantile is not None and len(values):
            level, bar = _quantile(values, quantile), _sign(one.metric) * bar
            beyond = float((values > (level + bar if one.bar.champion else bar)).mean())
            bar = 0.0 if one.bar.champion else 1 - quantile
            sample = _expected(beyond, float((values > level).mean()) if one.bar.champion else None)
        elif one.metric.name in shares:
            share = shares[one.metric.name]
            sample = _expected(share, share if one.bar.champion else None)
        else:
            continue
        found[str(one)] = sequential.rows_needed(sample, bar, strategy.error)
    return found


def _expected(share: float, champions: float | None) -> BoundedSample:
    """Return the rows to expect, as shares: hits, or two independent rows beside each other."""
    if champions is None:
        return BoundedSample.of_share(share, 1.0)
    return BoundedSample.of_pairs(share * (1 - champions), champions * (1 - share), 1.0)
