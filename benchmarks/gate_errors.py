"""How often does a gate err? Simulated, with the true value on the bar, where erring is easiest.

A gate errs when it says `met` of a requirement that is truly violated, or `unmet` of one that is truly
satisfied. Each line draws test sets from a known truth and judges them as `run` does, with the bar just above
the truth (violated: `met` is wrong) and on it and just below it (satisfied: `unmet` is wrong). Neither may
happen more often than 1 - confidence = 0.05. `peer` is the interval that is usual for such a metric:
Wilson's for shares, MOVER of Wilson's for averages of shares, DeLong's for auc, the percentile bootstrap for
the rest.

    python benchmarks/gate_errors.py [DRAWS] [--only TEXT] [--seed N]      (default 2000; about a minute for 500)
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from modelwright import outcomes
from modelwright.core.evidence import intervals
from modelwright.core.evidence.measure import from_samples, measure, measure_difference
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.evidence.verdict import Outcome, evaluation_confidence, judge
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Bar, Requirement
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.outcomes.sets.outcomes import SetOutcomes

CONFIDENCE = 0.95
NUDGE = 1e-9  # how far "just above" and "just below" are from the truth

Rng = np.random.Generator
Draw = Callable[[Rng], Measurement]
Peer = Callable[[Measurement], tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """One line of the table: a truth, and how a test set of it is drawn and measured.

    `peer` returns the peer's interval for the outcomes drawn last.
    """

    name: str
    subject: Subject
    metric: Metric
    truth: float
    draw: Callable[[Rng], Measurement]
    peer: Callable[[], tuple[float, float]] | None = None
    champion: bool = False


@dataclass(frozen=True)
class Errors:
    """Shares of draws in which the gate erred, and the mean width of the interval."""

    met: float
    unmet: float
    width: float
    peer_met: float | None
    peer_unmet: float | None


def simulate(case: Case, draws: int, seed: int = 0) -> Errors:
    """Judge `draws` test sets of a case; the same seed gives the same figures."""
    rng = np.random.default_rng([seed, len(case.name), *case.name.encode()])
    op = ">=" if case.metric.better == "higher" else "<="
    better = 1 if op == ">=" else -1
    bars = [
        Requirement(case.subject, op, Bar(case.truth + side * NUDGE, case.champion), case.metric)
        for side in (better, 0, -better)
    ]
    met = unmet = peer_met = peer_unmet = 0
    widths = []
    for _ in range(draws):
        seen = case.draw(rng)
        verdicts = judge(bars, [seen], [seen], phases={seen.phase})
        met += verdicts[0].outcome is Outcome.MET
        unmet += Outcome.UNMET in (verdicts[1].outcome, verdicts[2].outcome)
        if seen.low is not None and seen.high is not None:
            widths.append(seen.high - seen.low)
        if case.peer:
            low, high = case.peer()
            wrong = (low > case.truth, high < case.truth)[::better]
            peer_met += wrong[0]
            peer_unmet += wrong[1]
    share = (lambda count: count / draws) if case.peer else (lambda count: None)
    return Errors(
        met / draws,
        unmet / draws,
        float(np.mean(widths)) if widths else math.nan,
        share(peer_met),
        share(peer_unmet),
    )


def _metric(name: str, family: str | None) -> Metric:
    found = outcomes.metrics().of(name, family)
    assert found is not None, name
    return found


class _Last:
    """Keeps the outcomes drawn last, so that the peer sees the same test set."""

    def __init__(self, family: str, metric: str, of: str | None = None) -> None:
        self.subject = Subject(metric, "y", of)
        self.metric = _metric(metric, family)
        self.outcomes: Outcomes | None = None

    def measure(self, drawn: Outcomes) -> Measurement:
        self.outcomes = drawn
        return measure(self.subject, self.metric, drawn, CONFIDENCE)

    def wilson(self) -> tuple[float, float]:
        seen = measure(self.subject, self.metric, self.outcomes, CONFIDENCE)
        return intervals.wilson(round(seen.value * seen.n), seen.n, CONFIDENCE)

    def mover(self) -> tuple[float, float]:
        """Combine the classes' Wilson intervals by MOVER (recall; for F1 through F*)."""
        lows, highs, values = [], [], []
        for of in self.outcomes.classes:
            name = self.subject.metric.replace("balanced_accuracy", "recall")
            metric = _metric(name, self.metric.family)
            one = measure(Subject(name, "y", of), metric, self.outcomes, CONFIDENCE)
            if one.value is None:
                continue
            f1 = self.subject.metric == "f1"
            share = one.value / (2 - one.value) if f1 else one.value
            ends = intervals.wilson(share * one.n, one.n, CONFIDENCE)
            low, high = (2 * end / (1 + end) if f1 else end for end in ends)
            values.append(one.value)
            lows.append(one.value - low)
            highs.append(high - one.value)
        middle, size = float(np.mean(values)), len(values)
        return middle - math.hypot(*lows) / size, middle + math.hypot(*highs) / size

    def percentiles(self) -> tuple[float, float]:
        """Resample rows 200 times and take percentiles of the metric."""
        metric = self.metric
        rng, n = np.random.default_rng(0), len(self.outcomes)
        values = [
            metric.influence(self.outcomes.take(rng.integers(0, n, n)), self.subject.of) for _ in range(200)
        ]
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile([v.value for v in values if v is not None], [tail, 1 - tail])
        return float(low), float(high)

    def wald(self) -> tuple[float, float]:
        """Take two standard errors by DeLong on either side."""
        found = self.metric.influence(self.outcomes, self.subject.of)
        half = intervals.normal_quantile(CONFIDENCE) * found.rows.std() / math.sqrt(len(found.rows))
        return found.value - half, found.value + half


def _classes(rng: Rng, truth: np.ndarray, confusion: np.ndarray) -> ClassOutcomes:
    """Answer each row by its true class's row of the confusion matrix (probabilities are not used)."""
    cumulated = confusion.cumsum(axis=1)
    predicted = (rng.random(len(truth))[:, None] > cumulated[truth]).sum(axis=1)
    size = len(confusion)
    return ClassOutcomes(
        tuple(map(str, range(size))), truth, np.minimum(predicted, size - 1), np.zeros((len(truth), size))
    )


def _confusion(recalls: np.ndarray, seed: int) -> np.ndarray:
    """Return a confusion matrix with these recalls whose errors prefer a few classes."""
    size = len(recalls)
    spread = np.random.default_rng(seed).dirichlet(np.full(size, 0.3), size) * (1 - np.eye(size)) + 1e-9
    np.fill_diagonal(spread, 0)
    matrix = spread / spread.sum(axis=1, keepdims=True) * (1 - recalls)[:, None]
    return matrix + np.diag(recalls)


def _share_case(name: str, n: int, p: float, metric: str = "accuracy") -> Case:
    last = _Last("classes", metric, "0" if metric == "recall" else None)
    rows = np.zeros(n, dtype=np.int64)
    matrix = np.array([[p, 1 - p], [0, 1]])
    return Case(
        name, last.subject, last.metric, p, lambda rng: last.measure(_classes(rng, rows, matrix)), last.wilson
    )


MIXED = np.array([300, 250, 200, 150, 100, 90, 80, 60, 40, 30, 17, 5])


def _average_case(name: str, metric: str, sizes: np.ndarray, recalls: np.ndarray) -> Case:
    """Draw rows of each class (random counts around `sizes` for f1 and precision, fixed ones for recall)."""
    last = _Last("classes", metric)
    matrix = _confusion(recalls, seed=len(sizes))
    joint = matrix * (sizes / sizes.sum())[:, None]
    if metric == "balanced_accuracy":
        truth = float(recalls.mean())
    else:
        truth = float(np.mean(2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))))
    fixed = np.repeat(np.arange(len(sizes)), sizes)

    def draw(rng: Rng) -> Measurement:
        rows = (
            fixed
            if metric == "balanced_accuracy"
            else rng.choice(len(sizes), sizes.sum(), p=sizes / sizes.sum())
        )
        return last.measure(_classes(rng, rows, matrix))

    return Case(name, last.subject, last.metric, truth, draw, last.mover)


def _number_case(
    name: str, metric: str, n: int, errors: Callable[[Rng, int], np.ndarray], truth: float
) -> Case:
    last = _Last("numbers", metric)

    def draw(rng: Rng) -> Measurement:
        target = rng.normal(size=n) * 2
        return last.measure(NumberOutcomes(target, target + errors(rng, n)))

    return Case(name, last.subject, last.metric, truth, draw, last.percentiles)


Sizes = Callable[[Rng, int], np.ndarray]  # n errors


def _rare(share: float, times: float) -> Sizes:
    """Return normal errors of which a share is so many times as large: a mistake that befalls few rows."""
    return lambda rng, n: rng.normal(size=n) * np.where(rng.random(n) < share, times, 1.0)


def _heavy(size: Sizes) -> Sizes:
    """Return errors of either sign with these sizes."""
    return lambda rng, n: size(rng, n) * rng.choice([-1.0, 1.0], n)


def _pareto(index: float) -> Sizes:
    return _heavy(lambda rng, n: 1 + rng.pareto(index, n))


def _lognormal(spread: float) -> Sizes:
    return _heavy(lambda rng, n: np.exp(spread * rng.normal(size=n)))


def _ranged_case(name: str, metric: str, n: int, errors: Sizes) -> Case:
    """Draw truths and answers within a declared range of [0, 1]; the truth of the metric from a million rows."""
    last = _Last("numbers", metric)

    def drawn(rng: Rng, rows: int) -> NumberOutcomes:
        target = rng.random(rows)
        return NumberOutcomes(target, np.clip(target + errors(rng, rows), 0, 1), range=(0.0, 1.0))

    many = drawn(np.random.default_rng(1), 1_000_000)
    truth = last.metric.influence(many, None).value
    return Case(name, last.subject, last.metric, truth, lambda rng: last.measure(drawn(rng, n)))


def _without_peer(case: Case) -> Case:
    return replace(case, peer=None)  # which has no interval of few rows


def few_rows_and_heavy_tails() -> Iterator[Case]:
    """Yield cases in which the usual intervals err most: few rows, rare large errors, heavy tails."""
    normal: Sizes = lambda rng, n: rng.normal(size=n)  # noqa: E731 - a short name for it
    for n in (1, 2, 3, 5, 10, 30, 100):
        for share, times in ((1 / 50, 50.0), (1 / 20, 20.0), (1 / 100, 100.0)):
            rare = _rare(share, times)
            of_one, of_squares = 1 + share * (times - 1), 1 + share * (times**2 - 1)
            text = f"1 in {round(1 / share)} is {times:.0f} times as wrong, n = {n}"
            yield _number_case(f"mae, {text}", "mae", n, rare, math.sqrt(2 / math.pi) * of_one)
            yield _number_case(f"rmse, {text}", "rmse", n, rare, math.sqrt(of_squares))
            yield _number_case(f"r2, {text}", "r2", n, rare, 1 - of_squares / 4)
        yield _number_case(f"mae, normal errors, n = {n}", "mae", n, normal, math.sqrt(2 / math.pi))
        yield _number_case(f"rmse, lognormal errors, n = {n}", "rmse", n, _lognormal(1.0), math.exp(1))
        yield _number_case(f"mae, Pareto 1.5, n = {n}", "mae", n, _pareto(1.5), 3.0)
        yield _ranged_case(
            f"mae in a range, rare, n = {n}", "mae", n, lambda g, k: _rare(1 / 50, 50.0)(g, k) / 50
        )
        yield _ranged_case(
            f"rmse in a range, rare, n = {n}", "rmse", n, lambda g, k: _rare(1 / 50, 50.0)(g, k) / 50
        )
        yield _ranged_case(f"r2 in a range, n = {n}", "r2", n, lambda g, k: g.normal(size=k) / 10)
        yield _trust_case(f"log loss, n = {n}", "log_loss", n, 4.0, 1.3)
        yield _share_case(f"accuracy 0.9, n = {n}", n, 0.9)
    for n in (300, 1000):
        yield _number_case(
            f"mae, 1 in 50 is 50 times as wrong, n = {n}", "mae", n, _rare(1 / 50, 50.0), 0.79788 * 1.98
        )
        yield _number_case(
            f"rmse, 1 in 50 is 50 times as wrong, n = {n}", "rmse", n, _rare(1 / 50, 50.0), math.sqrt(50.98)
        )
        yield _number_case(f"mae, lognormal 1.5, n = {n}", "mae", n, _lognormal(1.5), math.exp(1.125))
        yield _number_case(f"rmse, lognormal errors, n = {n}", "rmse", n, _lognormal(1.0), math.exp(1))
        yield _number_case(f"mae, Pareto 2.5, n = {n}", "mae", n, _pareto(2.5), 2.5 / 1.5)
        yield _number_case(f"mae, Pareto 1.5, n = {n}", "mae", n, _pareto(1.5), 3.0)
        yield _number_case(f"rmse, Pareto 3, n = {n}", "rmse", n, _pareto(3.0), math.sqrt(3.0))
        yield _number_case(
            f"rmse, t with 3 degrees, n = {n}", "rmse", n, lambda g, k: g.standard_t(3, k), math.sqrt(3)
        )
        yield _number_case(
            f"r2 of t with 3 degrees, n = {n}", "r2", n, lambda g, k: g.standard_t(3, k), 1 - 3 / 4
        )
        yield _number_case(
            f"r2 of Laplace errors, n = {n}", "r2", n, lambda g, k: g.laplace(size=k) / 2, 1 - 0.5 / 4
        )
        yield _number_case(f"rmse, normal errors, n = {n}", "rmse", n, normal, 1.0)


def _auc_case(name: str, positives: int, negatives: int, apart: float, spread: float = 1.0) -> Case:
    last = _Last("classes", "auc")
    truth = 0.5 * math.erfc(-apart / math.sqrt(1 + spread**2) / math.sqrt(2))
    rows = np.repeat([1, 0], [positives, negatives])

    def draw(rng: Rng) -> Measurement:
        score = np.where(rows == 1, apart + spread * rng.normal(size=len(rows)), rng.normal(size=len(rows)))
        of_true = 1 / (1 + np.exp(-score))
        both = np.stack([1 - of_true, of_true], axis=1)
        return last.measure(ClassOutcomes(("false", "true"), rows, both.argmax(axis=1), both, "true"))

    return Case(name, last.subject, last.metric, truth, draw, last.wald)


def _group_case(
    name: str,
    groups: int,
    size: int,
    share: float,
    alike: float,
    metric: str = "accuracy",
    *,
    whole: bool = False,
) -> Case:
    """Draw groups of rows that are right together, with an intraclass correlation of `alike` (beta-binomial).

    whole: groups are of one class throughout, as a patient is; else every other row is.
    """
    last = _Last("classes", metric)
    group = np.repeat(np.arange(groups), size)

    def draw(rng: Rng) -> Measurement:
        each = rng.beta(share * (1 - alike) / alike, (1 - share) * (1 - alike) / alike, groups)
        truth = (group if whole else np.arange(len(group))) % 2
        answered = np.where(rng.random(len(group)) < each[group], truth, 1 - truth)
        last.outcomes = ClassOutcomes(("a", "b"), truth, answered, np.eye(2)[answered] * 0.8 + 0.1)
        return measure(last.subject, last.metric, last.outcomes, CONFIDENCE, group)

    if metric == "log_loss":
        truth = -share * math.log(0.9) - (1 - share) * math.log(0.1)
        return Case(name, last.subject, last.metric, truth, draw)
    return Case(name, last.subject, last.metric, share, draw, last.wilson)


def _in_groups() -> Iterator[Case]:
    yield _group_case("accuracy 0.9, 40 groups of 10, alike by 0.5", 40, 10, 0.9, 0.5)
    yield _group_case("accuracy 0.9, 40 groups of 10, alike by 0.01", 40, 10, 0.9, 0.01)
    yield _group_case("accuracy 0.98, 40 groups of 10, alike by 0.5", 40, 10, 0.98, 0.5)
    yield _group_case("accuracy 0.9, 6 groups of 50, alike by 0.5", 6, 50, 0.9, 0.5)
    for metric in ("balanced_accuracy", "f1"):
        yield _group_case(f"{metric} 0.9, 40 groups of 10, alike by 0.5", 40, 10, 0.9, 0.5, metric)
        yield _group_case(f"{metric} 0.98, 40 groups of 10, alike by 0.5", 40, 10, 0.98, 0.5, metric)
        yield _group_case(f"{metric} 0.9, 10 groups of 20, alike by 0.5", 10, 20, 0.9, 0.5, metric)
        for groups, size in ((40, 10), (10, 20)):
            yield _group_case(
                f"{metric} 0.9, {groups} groups of {size}, whole", groups, size, 0.9, 0.5, metric, whole=True
            )
    for metric, share in (("log_loss", 0.9), ("log_loss", 0.98)):
        for groups, size in ((40, 10), (10, 20)):
            yield _group_case(
                f"log loss {share}, {groups} groups of {size}, alike by 0.5", groups, size, share, 0.5, metric
            )
    for metric in ("auc", "average_precision"):
        for apart in (1.5, 2.9):
            for groups, size in ((40, 10), (10, 20)):
                for whole in (True, False):
                    yield _scored_group_case(metric, apart, groups, size, whole=whole)
    for metric, truth in (("mae", math.sqrt(2 / math.pi)), ("rmse", 1.0), ("r2", 0.75)):
        for groups, size in ((40, 10), (10, 20)):
            yield _number_group_case(
                f"{metric}, {groups} groups of {size}, alike by 0.5", metric, groups, size, truth
            )


def _scored_group_case(metric: str, apart: float, groups: int, size: int, *, whole: bool) -> Case:
    """Draw scores of which half the variance is that of their group; the truth is that of many groups.

    A third of the groups is of the class (whole: as a patient is ill or not), or a third of the rows of each.
    """
    of = "whole" if whole else "mixed"
    last = _Last("classes", metric)

    def drawn(rng: Rng, count: int) -> tuple[ClassOutcomes, np.ndarray]:
        group = np.repeat(np.arange(count), size)
        is_of = (group if whole else np.arange(len(group))) % 3 == 0
        score = math.sqrt(0.5) * (rng.normal(size=count)[group] + rng.normal(size=len(group)))
        of_true = 1 / (1 + np.exp(-(score + apart * is_of)))
        both = np.stack([1 - of_true, of_true], axis=1)
        found = ClassOutcomes(("false", "true"), is_of.astype(np.int64), both.argmax(axis=1), both, "true")
        return found, group

    many, _ = drawn(np.random.default_rng(1), 30_000 // size)
    # as many of the class as the groups drawn have: average precision depends on their share
    truth = last.metric.influence(many, None).value

    def draw(rng: Rng) -> Measurement:
        last.outcomes, group = drawn(rng, groups)
        return measure(last.subject, last.metric, last.outcomes, CONFIDENCE, group)

    name = f"{metric} {truth:.2f}, {groups} groups of {size}, {of}"
    return Case(name, last.subject, last.metric, truth, draw)


def _number_group_case(name: str, metric: str, groups: int, size: int, truth: float) -> Case:
    """Draw errors of deviation 1 of which half the variance is that of their group; truths have a deviation of 2."""
    last = _Last("numbers", metric)
    group = np.repeat(np.arange(groups), size)

    def draw(rng: Rng) -> Measurement:
        of_group = rng.normal(size=groups)[group]
        error = math.sqrt(0.5) * (of_group + rng.normal(size=len(group)))
        target = 2 * rng.normal(size=len(group))
        last.outcomes = NumberOutcomes(target, target + error)
        return measure(last.subject, last.metric, last.outcomes, CONFIDENCE, group)

    return Case(name, last.subject, last.metric, truth, draw)


Scores = Callable[[Rng, np.ndarray], np.ndarray]  # whether rows (n,) are of the class → their scores


def _precision_case(name: str, n: int, share: float, scores: Scores, truth: float) -> Case:
    """Draw whether a row is of the class, then its score; the truth is the mean of 10 draws of 200,000 rows."""
    last = _Last("classes", "average_precision")

    def drawn(rng: Rng, rows: int) -> ClassOutcomes:
        is_of = rng.random(rows) < share
        of_true = 1 / (1 + np.exp(-scores(rng, is_of)))
        both = np.stack([1 - of_true, of_true], axis=1)
        return ClassOutcomes(("false", "true"), is_of.astype(np.int64), both.argmax(axis=1), both, "true")

    return Case(
        name, last.subject, last.metric, truth, lambda rng: last.measure(drawn(rng, n)), last.percentiles
    )


def _apart(by: float, hidden: float = 0.0, above: float = 0.0) -> Scores:
    """Score rows of the class higher, but for a share `hidden`, and a share `above` of the others highest of all."""

    def scores(rng: Rng, is_of: np.ndarray) -> np.ndarray:
        noise, odd = rng.normal(size=len(is_of)), rng.random(len(is_of))
        return noise + np.where(is_of, by * (odd >= hidden), (by + 3) * (odd < above))

    return scores


def _average_precisions() -> Iterator[Case]:
    for name, n, share, scores, truth in (
        ("0.79, 17 of 500", 500, 0.034, _apart(2.9), 0.7919),
        ("0.47, 17 of 500", 500, 0.034, _apart(2.0), 0.4679),
        ("0.98, 250 of 500", 500, 0.5, _apart(2.9), 0.9803),
        ("0.97, 1 row in 20 hidden", 150, 0.2, _apart(6.0, hidden=0.05), 0.9703),
        ("0.86, 2 others above, 40 of 400", 400, 0.1, _apart(6.0, above=0.005), 0.8629),
        ("0.99, 1 other above, 1000 of 2000", 2000, 0.5, _apart(6.0, above=0.001), 0.9947),
        ("of chance, 30 of 300", 300, 0.1, _apart(0.0), 0.1),
    ):
        yield _precision_case(f"average precision {name}", n, share, scores, truth)
    yield _macro_precision_case("average precision, mean of 20 x 15", 20, 15, 3.0, 0.9126)


def _macro_precision_case(name: str, classes: int, rows: int, apart: float, truth: float) -> Case:
    last = _Last("classes", "average_precision")

    def drawn(rng: Rng, each: int) -> ClassOutcomes:
        truth = np.repeat(np.arange(classes), each)
        logits = rng.normal(size=(len(truth), classes))
        logits[np.arange(len(truth)), truth] += apart
        odds = np.exp(logits)
        of = odds / odds.sum(axis=1, keepdims=True)
        return ClassOutcomes(tuple(map(str, range(classes))), truth, of.argmax(axis=1), of)

    return Case(
        name, last.subject, last.metric, truth, lambda rng: last.measure(drawn(rng, rows)), last.percentiles
    )


def _trust_case(name: str, metric: str, n: int, sharpness: float, power: float) -> Case:
    """Answer with Beta(sharpness, 1) confidence c where the answer is right with probability c**power."""
    last = _Last("classes", metric)
    grid = ((np.arange(200_000) + 0.5) / 200_000) ** (1 / sharpness)  # quantiles of the confidence
    sure = 0.5 + grid / 2
    right = sure**power
    if metric == "log_loss":
        truth = float(np.mean(-right * np.log(sure) - (1 - right) * np.log(np.maximum(1 - sure, 1e-7))))
    else:
        truth = float(np.mean([abs(np.mean(part)) for part in np.array_split(right - sure, 10)]))

    def draw(rng: Rng) -> Measurement:
        c = 0.5 + rng.random(n) ** (1 / sharpness) / 2
        hit = rng.random(n) < c**power
        both = np.stack([1 - c, c], axis=1)
        return last.measure(
            ClassOutcomes(("false", "true"), hit.astype(np.int64), np.ones(n, dtype=np.int64), both)
        )

    return Case(name, last.subject, last.metric, truth, draw, last.percentiles)


def _paired_case(
    name: str, metric: str, sizes: np.ndarray, ours: float, theirs: float, shared: float
) -> Case:
    """Draw two functions whose errors coincide on a share of the rows; the bar is the true difference."""
    subject, one = Subject(metric, "y"), _metric(metric, "classes")
    rows = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(map(str, range(len(sizes) + 1)))
    unused = np.zeros((len(rows), len(names)))

    def draw(rng: Rng) -> Measurement:
        luck = rng.random(len(rows))
        other = np.where(rng.random(len(rows)) < shared, luck, rng.random(len(rows)))
        mine, champions = (
            ClassOutcomes(names, rows, np.where(chance < share, rows, len(sizes)), unused)
            for chance, share in ((luck, ours), (other, theirs))
        )
        return measure_difference(subject, one, mine, champions, CONFIDENCE)

    return Case(name, subject, one, ours - theirs, draw, champion=True)


def _sets_case(name: str, metric: str, n: int, rates: np.ndarray, wrong: float, shared: float) -> Case:
    """Draw sets whose memberships are wrong with probability `wrong`, on a share of the rows all at once."""
    last = _Last("sets", metric)
    size = len(rates)

    def drawn(rng: Rng, rows: int) -> SetOutcomes:
        truth = rng.random((rows, size)) < rates
        together = rng.random((rows, 1)) < shared
        luck = np.where(together, rng.random((rows, 1)), rng.random((rows, size)))
        predicted = truth ^ (luck < wrong)
        return SetOutcomes(
            tuple(map(str, range(size))), truth.astype(np.int8), predicted.astype(np.int8),
            np.zeros((rows, size)), np.zeros(rows, dtype=np.int64),
        )  # fmt: skip

    truth = {
        "hamming_loss": wrong,
        "subset_accuracy": shared * (1 - wrong) + (1 - shared) * (1 - wrong) ** size,
        # of many rows: share both, over shares of and answered, tag by tag or of all tags together
        "f1": float(np.mean(2 * rates * (1 - wrong) / (rates + rates * (1 - wrong) + (1 - rates) * wrong))),
        "f1_micro": float(
            2 * rates.sum() * (1 - wrong) / (rates.sum() * (2 - wrong) + (1 - rates).sum() * wrong)
        ),
    }[metric]
    return Case(
        name, last.subject, last.metric, truth, lambda rng: last.measure(drawn(rng, n)), last.percentiles
    )


def _latency_case(name: str, metric: str, n: int) -> Case:
    one = _metric(metric, None)
    subject, quantile = Subject(metric), one.quantile
    truth = -math.log(1 - quantile)
    return Case(
        name, subject, one, truth,
        lambda rng: from_samples(one, rng.exponential(size=n), CONFIDENCE, Phase.PACKAGE),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield every line of the table."""
    yield _share_case("accuracy 0.97, n = 2000", 2000, 0.97)
    yield _share_case("accuracy 0.9897, n = 17", 17, 0.9897)
    yield _share_case("recall 0.90, 17 rows", 17, 0.9, "recall")
    yield _share_case("recall 0.90, 251 rows", 251, 0.9, "recall")
    yield _share_case("recall 0.988, 251 rows", 251, 0.988, "recall")
    flat = np.full(12, 0.95)
    yield _average_case("balanced accuracy 0.95, 12 uneven classes", "balanced_accuracy", MIXED, flat)
    tiny_bad = np.array([0.98] * 9 + [0.8] * 3)
    yield _average_case("balanced accuracy, tiny classes bad", "balanced_accuracy", MIXED, tiny_bad)
    yield _average_case(
        "balanced accuracy 0.99, 12 uneven classes", "balanced_accuracy", MIXED, np.full(12, 0.99)
    )
    yield _average_case(
        "balanced accuracy 0.97, 77 x 17", "balanced_accuracy", np.full(77, 17), np.full(77, 0.97)
    )
    yield _average_case(
        "balanced accuracy 0.93, 77 x 40", "balanced_accuracy", np.full(77, 40), np.full(77, 0.93)
    )
    yield _average_case("macro f1, 12 uneven classes of 0.95", "f1", MIXED, flat)
    yield _average_case("macro f1, tiny classes bad", "f1", MIXED, tiny_bad)
    yield _average_case("macro f1, 12 uneven classes of 0.6", "f1", MIXED, np.full(12, 0.6))
    yield _average_case("macro f1, 77 x 40 of 0.93", "f1", np.full(77, 40), np.full(77, 0.93))
    yield _average_case("macro f1, 3 x 17 of 0.97", "f1", np.full(3, 17), np.full(3, 0.97))
    yield _number_case("rmse, normal errors, n = 200", "rmse", 200, lambda rng, n: rng.normal(size=n), 1.0)
    yield _number_case(
        "rmse, Laplace errors, n = 400", "rmse", 400, lambda rng, n: rng.laplace(size=n), math.sqrt(2)
    )
    yield _number_case("mae, Laplace errors, n = 100", "mae", 100, lambda rng, n: rng.laplace(size=n), 1.0)
    yield _number_case("r2 0.8, n = 200", "r2", 200, lambda rng, n: rng.normal(size=n), 0.75)
    yield _auc_case("auc 0.92, 17 of 500", 17, 483, 2.0)
    yield _auc_case("auc 0.98, 17 of 500", 17, 483, 2.9)
    yield _auc_case("auc 0.98, 250 of 500", 250, 250, 2.9)
    yield _auc_case("auc 0.9, wide class, 50 of 500", 50, 450, 2.9, 2.0)
    yield from _average_precisions()
    yield from _in_groups()
    yield _trust_case("log loss, n = 400", "log_loss", 400, 4.0, 1.3)
    yield _trust_case("calibration error 0.04, n = 1000", "calibration_error", 1000, 2.0, 1.3)
    yield _trust_case("calibration error 0.01, n = 1000", "calibration_error", 1000, 2.0, 1.06)
    yield _paired_case("accuracy against champion, n = 500", "accuracy", np.array([500]), 0.95, 0.96, 0.8)
    yield _paired_case("accuracy against champion, n = 2000", "accuracy", np.array([2000]), 0.97, 0.97, 0.95)
    yield _paired_case("balanced accuracy against champion", "balanced_accuracy", MIXED, 0.93, 0.95, 0.8)
    yield _paired_case("accuracy against champion, far apart", "accuracy", np.array([300]), 0.6, 0.7, 0.0)
    yield _paired_case("macro f1 against champion", "f1", MIXED, 0.93, 0.95, 0.8)
    few, many = np.array([0.5, 0.3, 0.2, 0.05]), np.full(20, 0.1)
    yield _sets_case("subset accuracy, 4 tags, n = 300", "subset_accuracy", 300, few, 0.02, 0.5)
    yield _sets_case("hamming loss 0.01, 4 tags, n = 300", "hamming_loss", 300, few, 0.01, 0.5)
    yield _sets_case("hamming loss 0.1, 20 tags, n = 500", "hamming_loss", 500, many, 0.1, 0.5)
    yield _sets_case("micro f1, 4 tags, n = 300, few wrong", "f1_micro", 300, few, 0.01, 0.5)
    yield _sets_case("micro f1, 20 tags, n = 500", "f1_micro", 500, many, 0.05, 0.3)
    yield _sets_case("macro f1 of sets, 4 tags, n = 300", "f1", 300, few, 0.01, 0.5)
    yield _sets_case("macro f1 of sets, 20 tags, n = 800", "f1", 800, many, 0.05, 0.3)
    yield _latency_case("latency p95, 500 requests", "latency_p95", 500)
    yield from map(_without_peer, few_rows_and_heavy_tails())


def repeated_evaluations(draws: int, evaluations: int = 20, *, share: bool = True, seed: int = 0) -> float:
    """Return how often any of `evaluations` judgements on fresh answers to one test set errs; truth just violates.

    With `share` the k-th evaluation spends 6/(π²k²) of the error, else each spends all of it.
    """
    rng = np.random.default_rng(seed)
    n, truth = 500, 0.9
    bounds: dict[tuple[int, float], float] = {}  # the same count and confidence give the same end
    wrong = 0
    for _ in range(draws):
        for k in range(1, evaluations + 1):
            confidence = evaluation_confidence(CONFIDENCE, k) if share else CONFIDENCE
            right = int(rng.binomial(n, truth))
            key = (right, confidence)
            if key not in bounds:
                bounds[key] = intervals.proportion(right, n, confidence)[0]
            if bounds[key] > truth:
                wrong += 1
                break
    return wrong / draws


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("draws", nargs="?", type=int, default=2000)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draws = given.draws
    print(f"{draws} draws each; a gate may err with probability {1 - CONFIDENCE:.2f}, a peer's likewise")
    print(f"{'case':<44} {'met':>6} {'unmet':>6} {'width':>7}   {'peer met':>8} {'unmet':>6} {'s':>5}")
    for case in cases():
        if given.only not in case.name:
            continue
        start = time.perf_counter()
        found = simulate(case, draws, given.seed)
        peer = "" if found.peer_met is None else f"{found.peer_met:8.3f} {found.peer_unmet:6.3f}"
        took = f"{time.perf_counter() - start:5.1f}"
        ours = f"{found.met:6.3f} {found.unmet:6.3f} {found.width:7.4f}"
        print(f"{case.name:<44} {ours}   {peer:>15} {took}", flush=True)
    if given.only:
        return
    print(
        f"20 evaluations of one test set: any wrong `met` in {repeated_evaluations(draws):.3f} of the draws",
        end="",
    )
    print(f"; {repeated_evaluations(draws, share=False):.3f} if every evaluation spent the whole error")


if __name__ == "__main__":
    main()
