"""The state machine of a rollout: nothing serves that is not proven, whatever comes in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requirement_texts import parse

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.rollouts.state_machine import (
    DEAD,
    UNDER_WAY,
    Decision,
    Rollout,
    RolloutEvidence,
    Status,
    decide,
)
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.signature import Signature

SIGNATURE = Signature.parse("route(question: text) -> team: category")
RATE = parse("failure_rate", "<= 1 %", SIGNATURE)
CANARY = Strategy("canary", (0.1, 0.5), least_rows=100, least_s=60, deadline_s=3600)


def verdict(outcome: str) -> Verdict:
    return Verdict(RATE, Phase.LIVE, None, Outcome(outcome))


MET, UNMET, OPEN, PENDING = map(verdict, ("met", "unmet", "inconclusive", "pending"))


def begun(strategy: Strategy = CANARY, status: Status = Status.REQUESTED, step: int = 0) -> Rollout:
    return Rollout(2, 1, strategy, status, step, requested_s=0.0, entered_s=0.0)


def after(rollout: Rollout, decision: Decision | None, now_s: float) -> Rollout:
    if decision is None:
        return rollout
    return replace(rollout, status=decision.status, step=decision.step, entered_s=now_s)


def path(strategy: Strategy, evidence: RolloutEvidence) -> list[tuple[str, dict[int, float]]]:
    """Return the statuses and shares that a rollout goes through with the same evidence all along."""
    rollout, found = begun(strategy), []
    for minute in range(0, 120, 2):
        rollout = after(rollout, decide(rollout, evidence, minute * 60.0), minute * 60.0)
        if (rollout.status.value, rollout.shares) not in found:
            found.append((rollout.status.value, rollout.shares))
    return found


ALL = ("serving", {2: 1.0, 1: 0.0})
WARM = ("warming", {1: 1.0, 2: 0.0})
SHADOW = ("shadow", {1: 1.0, 2: 0.0})


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        (CANARY, [("canary", {1: 0.9, 2: 0.1}), ("canary", {1: 0.5, 2: 0.5})]),
        (replace(CANARY, shadow_first=True), [SHADOW, ("canary", {1: 0.9, 2: 0.1}), ("canary", {1: 0.5, 2: 0.5})]),
        (replace(CANARY, name="blue-green"), [SHADOW, ("canary", {1: 0.0, 2: 1.0})]),
        (replace(CANARY, name="shadow"), [SHADOW]),
        (replace(CANARY, name="direct"), []),
    ],
)  # fmt: skip
def test_a_proven_version_goes_through_the_steps_of_its_strategy(strategy, steps):
    assert path(strategy, RolloutEvidence(True, 500, (MET,), (PENDING,))) == [WARM, *steps, ALL]


@pytest.mark.parametrize(
    ("evidence", "last", "words"),
    [
        (RolloutEvidence(True, 500, (MET, OPEN)), ("aborted", {1: 1.0}), "open: `failure_rate <= 0.01`"),
        (RolloutEvidence(True, 500, (PENDING,)), ("aborted", {1: 1.0}), "open: `failure_rate <= 0.01`"),
        (RolloutEvidence(True, 0, (MET,)), ("aborted", {1: 1.0}), "too little traffic"),
        (RolloutEvidence(True, 500, ()), ("aborted", {1: 1.0}), "too little traffic"),
        (RolloutEvidence(None, 0), ("aborted", {1: 1.0}), "too little traffic"),
        (RolloutEvidence(True, 500, (MET,), (UNMET,)), ("aborted", {1: 1.0}), "broken"),
        (RolloutEvidence(False, 0), ("aborted", {1: 1.0}), "does not start"),
    ],
)
def test_what_is_not_proven_never_serves(evidence, last, words):
    found = path(CANARY, evidence)
    assert found[-1] == last
    assert "serving" not in dict(found)
    rollout, minute = begun(), 0
    decision = None
    while rollout.status not in DEAD:
        decision = decide(rollout, evidence, minute * 60.0)
        rollout = after(rollout, decision, minute * 60.0)
        minute += 2
    assert words in str(decision.why)


def test_a_broken_requirement_aborts_at_once_in_every_status():
    for status in UNDER_WAY:
        decision = decide(begun(status=status), RolloutEvidence(True, 1, (MET, UNMET)), 1.0)
        assert decision.status is Status.ABORTED
        assert decision.verdicts == (MET, UNMET)
    for status in set(Status) - UNDER_WAY:
        assert decide(begun(status=status, step=1), RolloutEvidence(True, 1, (UNMET,)), 1e9) is None


def test_a_clock_that_was_set_back_ends_a_step_and_one_that_was_put_right_does_not():
    at = replace(begun(status=Status.CANARY), entered_s=3000.0)
    decision = decide(at, RolloutEvidence(True, 500, (MET,)), 2000.0)
    assert decision.status is Status.ABORTED
    assert "set back to 16 min 40 s before" in str(decision.why)
    assert decide(at, RolloutEvidence(True, 500, (MET,)), 2950.0) is None
    assert decide(at, RolloutEvidence(True, 500, (UNMET,)), 2950.0).status is Status.ABORTED


def test_a_step_waits_for_its_requests_and_its_time():
    at = begun(status=Status.CANARY)
    assert decide(at, RolloutEvidence(True, 99, (MET,)), 3000.0) is None
    assert decide(at, RolloutEvidence(True, 100, (MET,)), 59.0) is None
    decision = decide(at, RolloutEvidence(True, 100, (OPEN,)), 60.0)
    assert (decision.status, decision.step) == (Status.CANARY, 1)  # open, and more traffic may tell
    last = begun(status=Status.CANARY, step=1)
    assert decide(last, RolloutEvidence(True, 100, (OPEN,)), 60.0) is None
    assert decide(last, RolloutEvidence(True, 100, (MET,)), 60.0).status is Status.SERVING
    assert decide(last, RolloutEvidence(True, 100, (MET,)), 3601.0).status is Status.SERVING


def test_a_version_is_compared_while_the_champion_still_answers():
    """After the switch the champion answers nobody: who is not proven by then does not get all of the traffic."""
    compared = parse("failure_rate", "<= champion + 1 %", SIGNATURE)
    open_, met = (Verdict(compared, Phase.LIVE, None, one) for one in (Outcome.INCONCLUSIVE, Outcome.MET))
    for strategy in (replace(CANARY, name="blue-green"), replace(CANARY, shares=(0.1, 1.0))):
        status = Status.SHADOW if strategy.steps[0].is_shadow else Status.CANARY
        at = begun(strategy, status)
        assert decide(at, RolloutEvidence(True, 500, (MET, open_)), 60.0) is None
        assert decide(at, RolloutEvidence(True, 500, (OPEN, met)), 60.0).step == 1
        assert decide(at, RolloutEvidence(True, 500, (MET, open_)), 3600.0).status is Status.ABORTED


@pytest.mark.parametrize("strategy", [replace(CANARY, name="blue-green"), replace(CANARY, shares=(0.1, 1.0))])
def test_at_a_step_with_all_of_the_traffic_the_champion_gets_copies_and_the_version_is_still_compared(
    strategy,
):
    compared = parse("failure_rate", "<= champion + 1 %", SIGNATURE)
    worse = Verdict(compared, Phase.LIVE, None, Outcome.UNMET)
    at = begun(strategy, Status.CANARY, 1)
    assert (at.shares, at.shadow) == ({1: 0.0, 2: 1.0}, 1)
    assert decide(at, RolloutEvidence(True, 500, (MET, worse)), 60.0).status is Status.ABORTED
    for status in (Status.WARMING, Status.SERVING, Status.ABORTED):
        assert begun(strategy, status, 1).shadow is None
    assert begun(CANARY, Status.CANARY, 1).shadow is None  # at half of the traffic both answer


events = st.tuples(
    st.floats(0, 900),
    st.sampled_from([None, True, True, True, False]),
    st.integers(0, 300),
    st.lists(st.sampled_from([MET, MET, MET, OPEN, PENDING, UNMET]), max_size=2),
)
strategies = st.builds(
    Strategy,
    name=st.sampled_from(["direct", "blue-green", "canary", "shadow"]),
    shares=st.sampled_from([(0.5,), (0.1, 1.0)]),
    shadow_first=st.booleans(),
    least_rows=st.integers(0, 200),
    least_s=st.floats(0, 600),
    deadline_s=st.floats(600, 7200),
)


@given(strategies, st.lists(events, min_size=1, max_size=25))
@settings(max_examples=120)
def test_any_order_of_events(strategy, sequence):
    rollout, now = begun(strategy), 0.0
    for wait, loaded, rows, needed in sequence:
        now += wait
        evidence = RolloutEvidence(loaded, rows, tuple(needed))
        # what is decided follows from what is kept alone: a process that starts anew decides the same
        again = Rollout(
            rollout.version, rollout.champion, Strategy.from_json(rollout.strategy.as_json()), rollout.status,
            rollout.step, rollout.requested_s, rollout.entered_s,
        )  # fmt: skip
        decision = decide(rollout, evidence, now)
        assert decide(again, evidence, now) == decision
        if decision is None:
            assert UNMET not in needed or rollout.status not in UNDER_WAY
            assert now < strategy.deadline_s or rollout.status not in UNDER_WAY or MET in needed
            continue
        if decision.status is Status.SERVING and strategy.steps:
            assert rollout.step == len(strategy.steps) - 1
            assert set(needed) == {MET}
            assert rows >= max(strategy.least_rows, 1)
        assert decision.status in DEAD or (decision.step, decision.status) != (rollout.step, rollout.status)
        assert decision.status in DEAD or decision.step >= rollout.step
        rollout = after(rollout, decision, now)
        assert sum(rollout.shares.values()) == pytest.approx(1)
        assert (
            rollout.status is Status.SERVING or rollout.shares.get(2, 0.0) < 1 or rollout.current.share == 1
        )
    for _ in range(3):  # long after the deadline, without any proof, it has ended
        decision = decide(rollout, RolloutEvidence(True, 0), 1e6)
        rollout = after(rollout, decision, 1e6)
    assert rollout.status not in UNDER_WAY


def test_a_strategy_is_read_as_it_was_written():
    given = replace(CANARY, tolerances=(("failure_rate", 0.001),), needs_labels=True)
    assert Strategy.from_json(given.as_json()) == given
