"""The evidence of a rollout, from a real record of traffic."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from requirement_texts import metric, parse

from modelwright.core.evidence.labelled_rows import LabelPolicy
from modelwright.core.evidence.verdict import Outcome
from modelwright.core.rollouts.state_machine import Rollout, Status, decide
from modelwright.core.rollouts.strategy import Strategy
from modelwright.gateway.traffic.recording import Traffic
from modelwright.monitors.rollout_evidence import RolloutJudge, times_before
from modelwright.storage.traffic import live_schema
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


def test_after_the_switch_a_version_is_compared_with_what_the_champion_answers_to_copies(
    record: LiveRecord,
) -> None:
    """As copies both were alike; then every other request fails that the version answers, and no copy does."""
    switched = Rollout(
        2, 1, replace(STRATEGY, name="blue-green"), Status.CANARY, 1, requested_s=9_000.0, entered_s=9_400.0
    )
    assert switched.shadow == 1

    def answered(n: int, version: int, code: int, *, mirrored: bool) -> Traffic:
        outputs = {"team": {"value": "x"}} if code == 200 else None
        return Traffic(f"s{n}", 9_001.0 + n, version, {}, outputs, 0.02, code, mirrored=mirrored)

    for n in range(800):
        code, is_before = (200 if n < 400 or n % 2 else 500), n < 400
        record.record([answered(n, 2, code, mirrored=is_before), answered(n, 1, 200, mirrored=not is_before)])
    assert record.flush()
    judge = RolloutJudge(record, [], metric)
    before, after = judge(switched, 9_400.0), judge(switched, 9_900.0)
    (rate,) = (one for one in before.needed if one.requirement.metric.name == "failure_rate")
    assert rate.outcome is not Outcome.UNMET
    assert (before.rows, after.rows) == (0, 401)
    decision = decide(switched, after, 9_900.0)
    assert decision.status is Status.ABORTED
    assert "failure_rate <= champion" in str(decision.why)


# -- judged again and again ------------------------------------------------------------------------------------

BARS = [
    parse(subject, bar)
    for subject, bar in (
        ("latency_p95", "<= 40 ms"),
        ("failure_rate", "<= 5 %"),
        ("unseen_rate[team]", "<= 5 %"),
        ("estimated_accuracy", ">= 0.3"),
        ("disagreement", "<= 20 %"),
        ("labelled_accuracy", ">= 0.3"),
    )
]
COMPARED = (("failure_rate", 0.02), ("latency_p95", 0.5), ("labelled_accuracy", 0.05))


def _stream(draw: random.Random, begin: int, now: float) -> Iterator[Traffic]:
    """Yield rows as several gateways may write them: not quite in order, ids used twice, copies, some from before."""
    for n in range(begin, begin + draw.randrange(60)):
        version, at = draw.choice((1, 1, 2, 3)), now - draw.uniform(-2, 12)
        if draw.random() < 0.05:
            at, version = draw.uniform(4_000, 5_000), 1
        name = f"r{n if draw.random() < 0.95 else draw.randrange(n + 1)}"
        for number in (version, 2) if version == 1 and draw.random() < 0.3 else (version,):
            failed = draw.random() < 0.05
            answer = {
                "team": {"value": draw.choice("xyz"), "confidence": draw.choice((0.2, 0.75, 0.9, None))}
            }
            yield Traffic(
                name,
                at,
                number,
                {},
                None if failed else answer,
                draw.uniform(0.01, 0.045),
                draw.choice((500, 503, 504)) if failed else 200,
                ("team",) if draw.random() < 0.05 else (),
                mirrored=number != version,
            )


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
@pytest.mark.parametrize("seed", range(2))
def test_increments_show_what_the_whole_shows(tmp_path: Path, seed: int, strategy: str) -> None:
    draw = random.Random(seed)
    name = "shadow" if strategy == "shadow" else "canary"
    rollout = Rollout(
        2,
        1,
        Strategy(name, (0.5,), least_rows=10, least_s=0, tolerances=COMPARED),
        Status.SHADOW if name == "shadow" else Status.CANARY,
        0,
        requested_s=5_000.0,
        entered_s=5_010.0,
    )
    with closing(LiveRecord.open(tmp_path / "live.db")) as record:
        # enough for the champion's level, which those that come late then move
        record.record(
            [Traffic(f"b{n}", 4_000.0 + n, 1, {}, None, draw.uniform(0.01, 0.03), 200) for n in range(210)]
        )
        goes_on = RolloutJudge(record, BARS, metric)
        begin, seen = 0, set()
        for round_ in range(18):
            now = 5_000.0 + 10 * round_
            rows = list(_stream(draw, begin, now))
            begin += len(rows)
            record.record(rows)
            for _ in range(draw.randrange(12)):  # also of ids that are to come, and again of those that were
                label = draw.choice(("x", "y", "z"))
                record.feedback(
                    f"r{draw.randrange(begin + 20)}", "team", label, draw.choice(("desk", "branch"))
                )
            assert record.flush()
            if round_ == 9:  # the gateway is started again
                goes_on = RolloutJudge(record, BARS, metric)
            if round_ == 13:  # all that there was is removed, and rows get the numbers of those
                with closing(live_schema.connect(tmp_path / "live.db")) as connection:
                    connection.execute("DELETE FROM requests")
            asked = now - 25 if round_ == 6 else now  # a clock that was set back
            whole = RolloutJudge(record, BARS, metric)(rollout, asked)
            assert repr(goes_on(rollout, asked)) == repr(whole)
            held, again = goes_on._reads[0].traffic, record
            for version in (1, 2):
                labels = sorted(map(repr, again.labels(version, 5_000.0, asked)))
                assert sorted(map(repr, held.labels(version, asked))) == labels
                window = again.window(5_000.0, version, asked)
                assert held.window(version, asked).time.tolist() == window.time.tolist()
                assert dict(held.window(version, asked).unseen) == dict(window.unseen)
            if strategy == "shadow":
                assert held.compared(asked) == again.compared(2, 1, 5_000.0, asked)
            seen |= {one.outcome for one in (*whole.needed, *whole.optional)}
        assert len(seen) > 1


def test_a_reading_that_fails_halfway_is_made_up_for(
    record: LiveRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = RolloutJudge(record, BARS, metric)
    judge(ROLLOUT, 5_300.0)
    record.record([Traffic("new", 5_301.0, 2, {}, {"team": {"value": "x"}}, 0.5, 200)])
    assert record.flush()
    with monkeypatch.context() as broken:
        broken.setattr("modelwright.storage.traffic.truths.ambiguous", lambda *_: 1 / 0)
        record.feedback("d1", "team", "x")
        assert record.flush()
        broken.setattr("modelwright.storage.traffic.truths.timed_labels", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            judge(ROLLOUT, 5_600.0)
    assert repr(judge(ROLLOUT, 5_600.0)) == repr(RolloutJudge(record, BARS, metric)(ROLLOUT, 5_600.0))


def test_a_second_reading_fetches_the_new_rows_alone(record: LiveRecord) -> None:
    statements: list[str] = []
    reading = record._reading

    @contextmanager
    def traced() -> Iterator[sqlite3.Connection]:
        with reading() as connection:
            connection.set_trace_callback(statements.append)
            yield connection

    record._reading = traced  # type: ignore[method-assign]
    judge = RolloutJudge(record, BARS, metric)
    judge(ROLLOUT, 5_600.0)
    assert len(judge._reads) == 1
    statements.clear()
    judge(ROLLOUT, 5_600.0)
    plans = []
    with reading() as connection:
        for one in statements:
            if one.startswith("SELECT"):
                plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")]
    scans = [
        one for one in plans if one.startswith("SCAN") and "json_each" not in one and "CONSTANT" not in one
    ]
    # the newest row, by its number
    assert scans == ["SCAN requests"]
    judge.forget()
    assert judge._reads == []
