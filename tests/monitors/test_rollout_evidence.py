"""The evidence of a rollout, from a real record of traffic."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from requirement_texts import metric, parse

from modelwright.core.evidence.labelled_rows import LabelPolicy
from modelwright.core.evidence.verdict import Outcome
from modelwright.core.rollouts.state_machine import Rollout, Status, decide
from modelwright.core.rollouts.strategy import Strategy
from modelwright.gateway.traffic.recording import Traffic
from modelwright.monitors.rollout_evidence import RolloutJudge, times_before
from modelwright.storage.traffic.record import LiveRecord

STRATEGY = Strategy(
    "canary", (0.5,), least_rows=100, least_s=60, tolerances=(("failure_rate", 0.02), ("latency_p95", 0.5))
)
ROLLOUT = Rollout(2, 1, STRATEGY, Status.CANARY, 0, requested_s=5_000.0, entered_s=5_100.0)


@pytest.fixture
def record(tmp_path: Path):
    opened = LiveRecord.open(tmp_path / "live.db")
    rows = random.Random(1)
    before = [Traffic(f"b{n}", 4_000.0 + n, 1, {}, None, rows.uniform(0.01, 0.03), 200) for n in range(600)]
    during = [
        Traffic(
            f"d{n}", 5_100.0 + n / 4, 1 + n % 2, {}, {"team": {"value": "x"}}, rows.uniform(0.01, 0.03), 200
        )
        for n in range(2_000)
    ]
    opened.record([*before, *during])
    assert opened.flush()
    yield opened
    opened.close()


def test_a_version_like_the_champion_is_proven_and_promoted(record: LiveRecord) -> None:
    judge = RolloutJudge(record, [parse("latency_p95", "<= 40 ms"), parse("size", "<= 1 MB")], metric)
    evidence = judge(ROLLOUT, 5_600.0)
    assert [str(one.requirement.subject) for one in evidence.needed] == [
        "latency_p95", "failure_rate", "latency_p95"
    ]  # fmt: skip
    assert {one.outcome for one in evidence.needed} == {Outcome.MET}
    assert evidence.rows == 1_000
    assert decide(ROLLOUT, evidence, 5_600.0).status is Status.SERVING
    quick = judge(ROLLOUT, 5_600.0, figures=False)
    assert [one.outcome for one in quick.needed] == [one.outcome for one in evidence.needed]


def test_only_what_came_so_far_counts(record: LiveRecord) -> None:
    judge = RolloutJudge(record, [], metric)
    assert judge(ROLLOUT, 5_100.0).rows == 0
    assert {one.outcome for one in judge(ROLLOUT, 5_100.0).needed} == {Outcome.PENDING}
    early = judge(ROLLOUT, 5_110.0)
    assert early.rows == 20
    assert Outcome.MET not in {one.outcome for one in early.needed}
    assert decide(ROLLOUT, early, 5_110.0) is None
    assert len(times_before(record, 1, 5_000.0).latency_s) == 600


def test_feedback_can_stop_a_version_and_does_not_hold_it_up(record: LiveRecord) -> None:
    labelled = Strategy(
        **{**STRATEGY.as_json(), "shares": (0.5,), "tolerances": (("labelled_accuracy", 0.05),)}
    )
    rollout = Rollout(2, 1, labelled, Status.CANARY, 0, 5_000.0, 5_100.0)
    judge = RolloutJudge(record, [], metric)
    assert [one.outcome for one in judge(rollout, 5_600.0).optional] == [Outcome.PENDING]
    for n in range(400):
        record.feedback(
            f"d{n}", "team", "x" if n % 2 == 0 else "y", "desk"
        )  # the new version is wrong each time
    assert record.flush()
    (alone,) = judge(rollout, 5_600.0).optional
    assert (alone.outcome, "desk" in str(alone.note)) == (Outcome.INCONCLUSIVE, True)
    by_operator = RolloutJudge(record, [], metric, LabelPolicy(alone={"desk"}))
    assert [one.outcome for one in by_operator(rollout, 5_600.0).optional] == [Outcome.UNMET]
    for n in range(400):
        record.feedback(f"d{n}", "team", "x" if n % 2 == 0 else "y", "branch")
    assert record.flush()
    evidence = judge(rollout, 5_600.0)
    assert [one.outcome for one in evidence.optional] == [Outcome.UNMET]
    assert decide(rollout, evidence, 5_600.0).status is Status.ABORTED


def test_copies_are_compared_request_by_request(record: LiveRecord) -> None:
    shadow = Rollout(
        2, 1, Strategy("shadow", tolerances=()), Status.SHADOW, 0, requested_s=9_000.0, entered_s=9_000.0
    )
    rows = [
        Traffic(f"s{n}", 9_001.0 + n, 1, {}, {"team": {"value": "x", "confidence": 0.9}}, 0.02, 200)
        for n in range(300)
    ]
    copies = [
        Traffic(
            f"s{n}", 9_001.0 + n, 2, {}, {"team": {"value": "xy"[n % 3 == 0], "confidence": 0.8}}, 0.02, 200
        )
        for n in range(250)
    ]
    record.record([*rows, *copies])
    assert record.flush()
    bars = [parse("disagreement", "<= 5 %"), parse("estimated_accuracy", ">= 0.5")]
    evidence = RolloutJudge(record, bars, metric)(shadow, 9_500.0)
    differing, estimated = evidence.needed
    assert differing.measurement.n == 250
    assert differing.measurement.value == pytest.approx(84 / 250)
    assert (differing.outcome, estimated.outcome) == (Outcome.UNMET, Outcome.MET)
    assert decide(shadow, evidence, 9_500.0).status is Status.ABORTED
