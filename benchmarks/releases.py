"""How often is a bad version promoted, or one as good as the champion taken back? Simulated, on a replayable clock.

Each release is a version like the champion, or one that is worse in one respect: right answers (-1, -2, -5 points),
latency (+20 %, +100 %), errors (0.1 %, 1 % of requests). 50 requests a second come in; each is answered by the new
version or the champion by the shares of the step that the rollout is at, and every answer is labelled. A release is
judged by the very code of the gateway (`decide`, `judge_rollout`), once a minute, with the project file's

    requirements: {failure_rate: "<= 0.05 %"}
    release: {strategy: canary, deadline: 45 min, needs_labels: true,
              not_worse: {failure_rate: "0.05 %", latency: "10 %", accuracy: "1 %"}}

and, on streams of the same seed, by the rules that others' documentation shows, with the same bars:

* Flagger (docs/usage/how-it-works: interval 1m, threshold 10, stepWeight 5, maxWeight 50): once a minute each metric of
  the last minute is held against its bar; a minute within all bars raises the weight, the tenth minute outside one
  rolls back, and at the largest weight the version is promoted;
* Argo Rollouts (docs/features/analysis, background analysis: setWeight 20, 40, 60, 80 with pauses of 10m, interval 5m,
  failureLimit 3): every five minutes the last five are held against the bars; more than three failures of one metric
  abort, else the version is promoted after the last pause.

Both know fixed bars only: the champion's own figures, less what is tolerated, as a user would write them down. A
version that is worse by one point lies on the bar itself, where half of all minutes are within it.

    python benchmarks/releases.py [RELEASES] [--seed N]        (default 1000; about five minutes of one core)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from modelwright import outcomes
from modelwright.core.evidence.labelled_rows import LabelledRows
from modelwright.core.evidence.measurement import Subject
from modelwright.core.evidence.metric import RequestTimes
from modelwright.core.requirements.requirement import Bar, Requirement
from modelwright.core.rollouts import traffic_checks
from modelwright.core.rollouts.state_machine import (
    UNDER_WAY,
    Rollout,
    RolloutEvidence,
    Status,
    decide,
)
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.rollouts.traffic_checks import ShownTraffic, judge_rollout

PER_MINUTE = 3000  # requests
ACCURACY, MEDIAN_S, SPREAD = 0.95, 0.008, 0.4  # of the champion; latencies are lognormal
LEVEL_S = MEDIAN_S * float(np.exp(SPREAD * 1.6448536))  # its latency_p95
ERRORS, LATENCY, POINTS = 0.0005, 0.1, 0.01  # what is tolerated
MINUTES = 45
STRATEGY = Strategy(
    "canary",
    (0.05, 0.25, 0.5),
    least_rows=200,
    least_s=60.0,
    deadline_s=MINUTES * 60.0,
    tolerances=(("failure_rate", ERRORS), ("latency_p95", LATENCY), ("labelled_accuracy", POINTS)),
    needs_labels=True,
)
METRIC = outcomes.metrics().any
REQUIREMENTS = (Requirement(Subject("failure_rate"), "<=", Bar(ERRORS), METRIC("failure_rate")),)

Rng = np.random.Generator
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # time_s, latency_s, code, right; (n,) each


@dataclass(frozen=True)
class Kind:
    """What a version is like: its accuracy, how much slower it is, how many of its requests fail."""

    name: str
    accuracy: float = ACCURACY
    slower: float = 1.0
    errors: float = 0.0


CHAMPION = Kind("equal")
BAD = (
    Kind("accuracy -1 point", ACCURACY - 0.01),
    Kind("accuracy -2 points", ACCURACY - 0.02),
    Kind("accuracy -5 points", ACCURACY - 0.05),
    Kind("latency +20 %", slower=1.2),
    Kind("latency +100 %", slower=2.0),
    Kind("errors 0.1 %", errors=0.001),
    Kind("errors 1 %", errors=0.01),
)


@dataclass
class Ended:
    """What became of one release: whether it was promoted, and how many requests its version had answered."""

    promoted: bool
    rows: int
    minutes: int
    by_deadline: bool = False


def minute_of(kind: Kind, at: int, n: int, rng: Rng) -> Rows:
    """Return n rows of a version within one minute."""
    time_s = np.sort(rng.uniform(at * 60.0, at * 60.0 + 60.0, n))
    latency_s = rng.lognormal(np.log(MEDIAN_S * kind.slower), SPREAD, n)
    code = np.where(rng.random(n) < kind.errors, 500, 200)
    return time_s, latency_s, code, rng.random(n) < kind.accuracy


def shown(minutes: list[Rows]) -> ShownTraffic:
    """Return what a version has shown in some minutes."""
    time_s, latency_s, code, right = (np.concatenate(column) for column in zip(*minutes, strict=True))
    answered = code < 500
    return ShownTraffic(
        time_s, latency_s, code.astype(np.int64), LabelledRows((time_s[answered], right[answered]))
    )


def ours(kind: Kind, rng: Rng) -> Ended:
    """Release by confidence sequences, as the gateway does."""
    before = RequestTimes(minute_of(CHAMPION, -1, PER_MINUTE, rng)[1])
    rollout = Rollout(2, 1, STRATEGY, Status.CANARY, 0, requested_s=0.0, entered_s=0.0)
    mine: list[Rows] = []
    theirs: list[Rows] = []
    in_step = 0
    for at in range(MINUTES + 1):
        n = rng.binomial(PER_MINUTE, rollout.shares[2])
        mine.append(minute_of(kind, at, n, rng))
        theirs.append(minute_of(CHAMPION, at, PER_MINUTE - n, rng))
        in_step += n
        now = (at + 1) * 60.0
        needed, optional = judge_rollout(
            REQUIREMENTS, STRATEGY, shown(mine), shown(theirs), before, METRIC, figures=False
        )
        decision = decide(rollout, RolloutEvidence(True, in_step, needed, optional), now)
        if decision is None:
            continue
        rollout = replace(rollout, status=decision.status, step=decision.step, entered_s=now)
        in_step = 0
        if rollout.status not in UNDER_WAY:
            break
    rows = sum(len(one[0]) for one in mine)
    late = decision is not None and decision.why.id == "rollout.deadline"
    return Ended(rollout.status is Status.SERVING, rows, at + 1, late)


def within_bars(minutes: list[Rows]) -> list[bool]:
    """Return for each metric whether the rows of some minutes are within the bars, as numbers without intervals."""
    _, latency_s, code, right = (np.concatenate(column) for column in zip(*minutes, strict=True))
    return [
        float((code >= 500).mean()) <= ERRORS,
        float(np.quantile(latency_s, 0.95)) <= LEVEL_S * (1 + LATENCY),
        float(right.mean()) >= ACCURACY - POINTS,
    ]


def flagger(kind: Kind, rng: Rng) -> Ended:
    """Release by Flagger's rules."""
    weight, failed, rows = 0.05, 0, 0
    for at in range(200):
        minute = minute_of(kind, at, rng.binomial(PER_MINUTE, weight), rng)
        rows += len(minute[0])
        if all(within_bars([minute])):
            if weight >= 0.5:
                return Ended(True, rows, at + 1)
            weight = min(weight + 0.05, 0.5)
            continue
        failed += 1
        if failed >= 10:
            return Ended(False, rows, at + 1)
    raise AssertionError("either ten minutes fail or ten pass")


def argo(kind: Kind, rng: Rng) -> Ended:
    """Release by Argo Rollouts' rules."""
    failures = np.zeros(3, int)
    minutes: list[Rows] = []
    for at in range(40):
        weight = 0.2 * (1 + at // 10)
        minutes.append(minute_of(kind, at, rng.binomial(PER_MINUTE, weight), rng))
        if (at + 1) % 5 == 0:
            failures += ~np.array(within_bars(minutes[-5:]))
            if (failures > 3).any():
                return Ended(False, sum(len(one[0]) for one in minutes), at + 1)
    return Ended(True, sum(len(one[0]) for one in minutes), 40)


RULES: dict[str, Callable[[Kind, Rng], Ended]] = {
    "Modelwright": ours,
    "Flagger": flagger,
    "Argo Rollouts": argo,
}


def counts(releases: int) -> dict[Kind, int]:
    """Return how many releases of each kind there are: three in ten are equal to the champion."""
    bad = max(round(releases * 0.7 / len(BAD)), 1)
    return {CHAMPION: max(releases - bad * len(BAD), 1), **dict.fromkeys(BAD, bad)}


def simulate(releases: int, seed: int) -> dict[str, dict[str, list[Ended]]]:
    """Return how the releases ended, by rule and kind; every rule sees streams of the same seeds."""
    return {
        rule: {
            kind.name: [release(kind, np.random.default_rng([seed, place, n])) for n in range(number)]
            for place, (kind, number) in enumerate(counts(releases).items())
        }
        for rule, release in RULES.items()
    }


def false_rates(ended: dict[str, list[Ended]]) -> tuple[float, float, float]:
    """Return the share of bad versions promoted, in the worst kind too, and that of equal ones not promoted."""
    bad = [ended[kind.name] for kind in BAD]
    every = [one.promoted for group in bad for one in group]
    worst = max(float(np.mean([one.promoted for one in group])) for group in bad)
    return float(np.mean(every)), worst, float(np.mean([not one.promoted for one in ended[CHAMPION.name]]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("releases", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    begun = time.process_time()
    before = RequestTimes(minute_of(CHAMPION, -1, PER_MINUTE, np.random.default_rng(args.seed))[1])
    planned = traffic_checks.rows_needed(
        REQUIREMENTS, STRATEGY, before, {"failure_rate": 0.0, "labelled_accuracy": ACCURACY}, METRIC
    )
    print("requests that a version like the champion needs, as `release --dry-run` says:")
    for requirement, rows in planned.items():
        print(f"  {requirement}: {rows:,}" if rows else f"  {requirement}: no number")
    found = simulate(args.releases, args.seed)
    print(f"\n{'':24}" + "".join(f"{rule:>28}" for rule in RULES))
    print(f"{'version':24}" + f"{'promoted  rows (median)':>28}" * len(RULES))
    for kind, number in counts(args.releases).items():
        cells = ""
        for rule in RULES:
            ended = found[rule][kind.name]
            share = float(np.mean([one.promoted for one in ended]))
            cells += f"{share:16.3f}{np.median([one.rows for one in ended]):12,.0f}"
        print(f"{kind.name:24}{cells}   n = {number}")
    for rule in RULES:
        overall, worst, aborted = false_rates(found[rule])
        print(
            f"{rule}: bad versions promoted {overall:.3f} (in the worst kind {worst:.3f}); "
            f"equal ones taken back {aborted:.3f}"
        )
    print(f"CPU {time.process_time() - begun:.0f} s")


if __name__ == "__main__":
    main()
