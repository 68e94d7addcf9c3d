"""Rollouts in the state database: what is in production meanwhile, what is kept, and what a kill leaves."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event

from modelwright.core.messages import Phrase, StateError
from modelwright.core.rollouts.state_machine import Decision, Status
from modelwright.core.rollouts.strategy import Strategy
from modelwright.storage.state.database import State
from modelwright.storage.state.schema import metadata, releases, versions

NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
CANARY = Strategy("canary", (0.1, 0.5))


def version(state: State, name: str) -> int:
    return state.register_version(
        package_digest=name, evidence_digest=name, champion_digest=None, package_key=name, evidence_key=name
    )


@pytest.fixture
def state(tmp_path):
    opened = State.open(tmp_path / "state.db")
    for name in "abc":
        version(opened, name)
    opened.mark(opened.request_release(1, "direct", "run").id, "serving")
    return opened


def to(state: State, status: str, step: int = 0, by: str = "gateway"):
    release = state.rolling_release()
    return state.advance(release, Decision(Status(status), step, Phrase("rollout.taken-up")), by)


def test_a_rollout_is_not_in_production_before_it_is_proven(state):
    release = state.request_release(2, "canary", "alice", CANARY)
    assert (release.champion, release.step, release.rollout.strategy) == (1, 0, CANARY)
    assert state.rolling_release() == release == state.releases()[-1]
    for status, step in (("warming", 0), ("canary", 0), ("canary", 1)):
        now = to(state, status, step)
        assert (now.status, now.step) == (status, step)
        assert state.production().number == 1 == state.desired_release().version
        assert state.released_versions() == (1,)
    to(state, "serving", 2)
    assert state.production().number == 2 == state.desired_release().version
    assert state.rolling_release() is None
    assert [one.status for one in state.releases()] == ["retired", "serving"]
    assert state.previous().number == 1
    kept = state.decisions(release.id)
    assert [(one.status, one.step) for one in kept] == [
        ("warming", 0), ("canary", 0), ("canary", 1), ("serving", 2)
    ]  # fmt: skip
    assert kept[2].shares == {"1": 0.5, "2": 0.5}
    assert [one.action for one in state.audit(4)] == [
        "release.serving", "release.canary", "release.canary", "release.warming"
    ]  # fmt: skip


def test_what_is_aborted_stays_aborted(state):
    release = state.request_release(2, "canary", "alice", CANARY)
    to(state, "aborted", by="rollback")
    assert state.rolling_release().status is Status.ABORTED  # until the old version answers everything again
    assert state.production().number == 1
    with pytest.raises(StateError):
        state.mark(release.id, "serving")
    to(state, "rolled back")
    assert state.rolling_release() is None
    again = state.request_release(2, "canary", "alice", CANARY)
    assert again.id > release.id
    assert again.status is Status.REQUESTED


def test_who_decided_on_an_older_state_moves_nothing(state):
    seen = state.request_release(2, "canary", "alice", CANARY)
    to(state, "aborted")
    late = state.advance(seen, Decision(Status.WARMING, 0, Phrase("rollout.taken-up")))
    assert late.status is Status.ABORTED
    assert len(state.decisions(seen.id)) == 1


def test_a_newer_request_ends_a_rollout(state):
    first = state.request_release(2, "canary", "alice", CANARY)
    assert state.request_release(2, "canary", "bob", CANARY) == first
    second = state.request_release(3, "canary", "bob", CANARY)
    assert [one.status for one in state.releases()] == ["serving", "aborted", "requested"]
    assert second.champion == 1
    assert str(state.decisions(first.id)[0].why) == "`bob` asked for version 3 meanwhile"


def test_the_first_release_has_nothing_to_go_back_to_and_takes_no_steps(tmp_path):
    state = State.open(tmp_path / "state.db")
    version(state, "a")
    release = state.request_release(1, "canary", "alice", CANARY)
    assert release.rollout is None
    assert state.production().number == 1
    assert state.rolling_release() is None


LEADER = """
import sys
from modelwright.core.messages import Phrase
from modelwright.core.rollouts.state_machine import Decision, Status
from modelwright.storage.state.database import State
state = State.open(sys.argv[1])
while (release := state.rolling_release()) is not None:
    step = release.step + 1
    status = Status.SERVING if step > 400 else Status.CANARY
    state.advance(release, Decision(status, step % 2 if status is Status.CANARY else 2, Phrase("rollout.taken-up")))
    print("moved", flush=True)
"""


def test_a_leader_that_is_killed_leaves_a_whole_state(state, tmp_path):
    """What a decision writes (status, step, decision, audit) is there together or not at all."""
    state.request_release(2, "canary", "alice", CANARY)
    for steps in (1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", LEADER, str(tmp_path / "state.db")], stdout=subprocess.PIPE
        ) as leader:
            for _ in range(steps):
                assert leader.stdout.readline() == b"moved\n"
            os.kill(leader.pid, signal.SIGKILL)
        release, kept = state.rolling_release(), state.decisions(2)
        assert (release.status, release.step) == (kept[-1].status, kept[-1].step)
        assert sum(one.action.startswith("release.canary") for one in state.audit(10_000)) == len(kept)
        assert state.production().number == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(Status), st.booleans(), st.integers(1, 3), st.integers(1, 3)), max_size=8
    )
)
def test_what_a_gateway_follows_of_any_history(history):
    """The database finds what `Release.counts` says, and what is the newest."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number in (1, 2, 3):
            of = dict.fromkeys(
                ("package_digest", "evidence_digest", "package_key", "evidence_key"), str(number)
            )
            connection.execute(versions.insert().values(number=number, created_at=NOON, **of))
        for status, rolls, number, champion in history:
            steps = {"settings": CANARY.as_json(), "champion": champion} if rolls else {}
            row = {"version": number, "strategy": "x", "status": status.value, "requested_at": NOON}
            connection.execute(releases.insert().values(**row, by="x", detail="", **steps))
    state = State(engine, "memory")
    past, found = state.releases(), state.standing({3})
    assert found.settled == next((one for one in reversed(past) if one.counts), None)
    newest = past[-1] if past else None
    going = {Status.REQUESTED, Status.WARMING, Status.SHADOW, Status.CANARY, Status.ABORTED}
    assert found.rolling == (newest if newest and newest.settings and newest.status in going else None)
    followed = [one for one in (found.rolling, found.settled) if one is not None]
    assert set(found.versions) >= {3} | {one.version for one in followed} | {
        number for one in followed if one.rollout for number in one.rollout.shares
    }
    engine.dispose()


@pytest.mark.parametrize("count", [1, 300])
def test_what_a_gateway_reads_does_not_grow_with_the_history(state, count):
    with state._engine.begin() as connection:
        row = {"version": 2, "strategy": "direct", "requested_at": NOON, "by": "x", "detail": ""}
        statuses = ["failed", "retired"] * count
        connection.execute(releases.insert(), [row | {"status": one} for one in statuses])
    read = []

    def count_rows(connection, cursor, statement, given, context, many):
        cursor.row_factory = lambda cursor, row: read.append(row) or row

    event.listen(state._engine, "before_cursor_execute", count_rows)
    found = state.standing()
    assert found.settled.id == 1 + 2 * count
    assert found.rolling is None
    assert 0 < len(read) <= 5


def test_what_a_gateway_asks_leaves_nothing_to_the_collector(state):
    """It asks for as long as it runs, and between two rounds of the collector the process would grow."""
    state.standing({1})
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            state.standing({1})
        left = gc.collect()
    finally:
        gc.enable()
    assert left <= 20
