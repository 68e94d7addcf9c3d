"""A gateway that leads: rollouts go on by their evidence, end on it, and survive every restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
import tiny_serving
import waiting
from requirement_texts import metric, parse
from tiny_serving import linear_body, sealed

from modelwright.core.digests import of_folder
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Problem, StateError
from modelwright.core.rollouts.state_machine import Rollout, RolloutEvidence
from modelwright.core.rollouts.strategy import Strategy
from modelwright.gateway.server import Live, Server
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic
from modelwright.monitors.rollout_evidence import RolloutJudge
from modelwright.project.serving.rollout_leading import StateReleases
from modelwright.storage.state.database import State
from modelwright.storage.traffic.record import LiveRecord

CANARY = Strategy("canary", (0.1, 0.5), least_rows=100, least_s=60, deadline_s=3600)
RATE = parse("failure_rate", "<= 1 %")


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(RATE, Phase.LIVE, None, outcome)


@dataclass
class World:
    """A state database, a clock, what the traffic shows, and a gateway that does at once as it should."""

    path: Path
    now: float = 1_000_000.0
    set_by: float = 0.0  # by which the clock was set back since the start
    shows: RolloutEvidence = field(
        default_factory=lambda: RolloutEvidence(True, 500, (verdict(Outcome.MET),))
    )
    starts: set[int] = field(default_factory=lambda: {1, 2, 3})  # versions whose workers start
    damaged: bool = False
    takes: threading.Event | None = None  # judging ends once it is set
    asked: list[float] = field(default_factory=list)  # when it was judged
    answered: int = 0
    forgot: list[float] = field(default_factory=list)  # when what judging holds was let go of

    def __post_init__(self) -> None:
        self.state = State.open(self.path, lambda: datetime.fromtimestamp(self.now, UTC))
        self.releases = self.restarted()
        self.done: DesiredTraffic | None = None
        self.log: list[tuple[str, dict[int, float]]] = []
        for name in "abc":
            self.state.register_version(
                package_digest=name,
                evidence_digest=name,
                champion_digest=None,
                package_key=name,
                evidence_key=name,
            )
        self.state.request_release(1, "direct", "test")
        self.turn()

    def restarted(self) -> StateReleases:
        return StateReleases(
            self.state, lambda version: self.path.parent / str(version.number), self.judge, keep_s=600,
            clock=lambda: self.now, elapsed=lambda: self.now + self.set_by, forget=lambda: self.forgot.append(self.now),
        )  # fmt: skip

    def judge(self, rollout: Rollout, now_s: float) -> RolloutEvidence:
        self.asked.append(now_s)
        if self.takes is not None:
            time.sleep(0.3)
            assert self.takes.wait(60)
        self.answered += 1
        if self.damaged:
            raise StateError(Problem("live.unusable", where="live.db", error="damaged"))
        return self.shows

    def turn(self, *, leads: bool = True) -> dict[int, float]:
        """Let the gateway ask once, and do what it should; return the shares of the traffic."""
        wanted = self.releases.desired_traffic(leads=leads)
        assert wanted is not None
        for one in wanted.versions:
            if one.number not in self.starts:
                self.releases.failed(wanted.release_id, one.number, Problem("serve.not-ready"))
                return dict(wanted.shares)
        if wanted != self.done:
            self.done = wanted
            self.releases.moved(wanted)
        status = self.state.releases()[-1].status.value
        if not self.log or self.log[-1] != (status, dict(wanted.shares)):
            self.log.append((status, dict(wanted.shares)))
        return dict(wanted.shares)

    def turns(self, seconds: float, step_s: float = 30.0) -> None:
        for _ in range(round(seconds / step_s)):
            self.now += step_s
            self.turn()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state.db")


def test_a_proven_version_takes_its_steps_and_the_old_one_stays_for_a_while(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(300)
    assert world.log == [
        ("serving", {1: 1.0}),
        ("warming", {1: 1.0, 2: 0.0}),
        ("canary", {1: 0.9, 2: 0.1}),
        ("canary", {1: 0.5, 2: 0.5}),
        ("serving", {2: 1.0, 1: 0.0}),
    ]
    world.turns(600, 300)
    assert world.turn() == {2: 1.0}  # the old one is unloaded
    assert len(world.forgot) == 1
    assert world.state.production().number == 2


def test_a_broken_version_is_taken_back_at_once(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(30)
    world.shows = RolloutEvidence(True, 3, (verdict(Outcome.UNMET),))
    world.turns(30)
    assert world.turn() == {1: 1.0}
    assert [one.status for one in world.state.releases()] == ["serving", "rolled back"]
    assert [str(one.status) for one in world.state.decisions(2)] == [
        "warming",
        "canary",
        "aborted",
        "rolled back",
    ]
    assert world.state.decisions(2)[2].evidence[0]["verdict"] == "unmet"
    world.turns(100)
    assert world.state.releases()[-1].status == "rolled back"


def test_a_version_that_does_not_start_leaves_the_old_one(world: World) -> None:
    world.starts.discard(2)
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(60)
    assert world.turn() == {1: 1.0}
    assert world.state.releases()[-1].status == "rolled back"
    assert "does not start" in world.state.decisions(2)[1].why.found


def test_no_traffic_and_a_damaged_record_prove_nothing(world: World) -> None:
    world.shows = RolloutEvidence(True, 0, (verdict(Outcome.PENDING),))
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(1800, 300)
    assert world.turn() == {1: 0.9, 2: 0.1}
    world.damaged = True
    world.turns(2400, 300)
    assert world.state.releases()[-1].status == "rolled back"
    assert "not proven within 1 h" in str(world.state.decisions(2)[2].why)


def test_going_back_is_done_within_one_turn(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(300)
    world.state.request_release(1, "direct", "rollback")
    assert world.turn() == {1: 1.0, 2: 0.0}  # it was still loaded: nothing has to start
    assert world.state.production().number == 1


def test_going_back_waits_for_no_judgement_however_long_it_takes(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.takes = threading.Event()
    world.takes.set()
    world.turns(60)  # the first one tells how long it takes
    world.takes.clear()
    world.shows = RolloutEvidence(True, 600, (verdict(Outcome.UNMET),))
    world.turns(30)
    assert world.turn() == {1: 0.9, 2: 0.1}  # it is judged still
    world.state.request_release(1, "direct", "rollback")
    assert world.turn() == {1: 1.0, 2: 0.0}
    world.takes.set()
    assert world.state.releases()[-1].status == "serving"


def test_what_took_long_to_judge_decides_as_what_did_not(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.takes = threading.Event()
    world.takes.set()
    world.turns(60)
    world.shows = RolloutEvidence(True, 600, (verdict(Outcome.UNMET),))
    world.now += 30
    assert eventually(lambda: world.turn() == {1: 1.0})
    assert world.state.releases()[-1].status == "rolled back"


def test_judging_that_waited_for_a_busy_machine_is_not_put_off_for_longer(world: World) -> None:
    """Only its work counts towards how seldom it is done: a bad version is seen as soon where the cores are taken."""
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(30)
    world.takes = threading.Event()
    world.takes.set()
    for _ in range(10):
        world.now += 1.5
        world.turn()
        world.releases._judges.submit(int).result(60)  # what was begun before it has ended
    assert len(world.asked) >= 5  # twenty times what each waited for, 0.3 s, would leave room for three


def test_the_clock_set_back_during_a_canary_leaves_no_version_unjudged(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(60)
    assert world.turn() == {1: 0.9, 2: 0.1}
    world.now -= 3600
    world.turn()
    assert world.turn() == {1: 1.0}
    assert world.state.releases()[-1].status == "rolled back"
    assert "clock was set back" in str(world.state.decisions(world.state.releases()[-1].id)[-2].why)


def test_what_breaks_just_after_the_clock_was_put_right_is_taken_back_at_once(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(60)
    assert world.turn() == {1: 0.9, 2: 0.1}
    world.now -= 20  # what was judged a moment ago, by the clock that was ahead, counts no longer
    world.shows = RolloutEvidence(True, 600, (verdict(Outcome.UNMET),))
    world.turn()
    assert world.turn() == {1: 1.0}


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_changes_nothing_of_how_long_a_version_is_kept_to_go_back_to(
    world: World, hours: int
) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(300)
    world.now, world.set_by = world.now - 3600 * hours, 3600.0 * hours
    assert world.turn() == {2: 1.0, 1: 0.0}
    world.turns(600, 300)
    assert world.turn() == {2: 1.0}


@pytest.mark.parametrize("seconds", [30, 120, 300])
def test_going_back_while_no_gateway_runs_is_done_by_the_next_one(world: World, seconds: int) -> None:
    """Whether the release was under way, or had ended: 300 s are enough for all its steps."""
    world.state.request_release(2, "canary", "alice", CANARY)
    world.turns(seconds)
    world.state.request_release(1, "direct", "rollback")  # nobody is there to move anything
    world.releases, world.done = world.restarted(), None
    assert world.turn() == {1: 1.0}
    assert world.state.production().number == 1
    assert world.state.releases()[-1].status == "serving"
    world.turns(600)
    assert world.turn() == {1: 1.0}


def test_who_only_follows_decides_nothing(world: World) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    for _ in range(4):
        world.now += 60
        assert world.turn(leads=False) == {1: 1.0}
    assert world.state.decisions(2) == []


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_gateway_that_starts_anew_goes_on_where_it_was(world: World, every: int) -> None:
    world.state.request_release(2, "canary", "alice", CANARY)
    for turn in range(15):
        world.now += 30
        before = world.turn()
        if turn % every == 0:
            world.releases, world.done = world.restarted(), None
            after = world.turn()
            rolling = world.state.rolling_release()
            assert rolling is None or after == before or rolling.moved_at.timestamp() == world.now
    assert world.state.production().number == 2
    assert [one[0] for one in world.log if one[0] != "serving"] == ["warming", "canary", "canary"]


# -- with a real gateway, real workers and real traffic ------------------------------------------------------


@contextmanager
def gateway(state: State, folders: dict[int, Path], root: Path) -> Iterator[Server]:
    record = root / "live.db"
    judge = RolloutJudge(LiveRecord.open(record), [], metric)
    releases = StateReleases(state, lambda version: folders[version.number], judge, keep_s=600)
    with tiny_serving.running(releases, wait=False, live=Live(record)) as server:  # type: ignore[arg-type]
        assert eventually(lambda: server.gateway.ready)
        yield server


eventually = partial(waiting.eventually, timeout_s=40.0)


def test_a_canary_on_real_traffic_and_back(tmp_path: Path) -> None:
    """A version like the champion is promoted by its traffic; going back takes less than a second, and no answer."""
    folders = {
        number: sealed(linear_body(shift), tmp_path / f"p{number}") for number, shift in ((1, 0.0), (2, 0.5))
    }
    state = State.open(tmp_path / "state.db")
    for folder in folders.values():
        keys = dict.fromkeys(
            ("package_digest", "evidence_digest", "package_key", "evidence_key"), of_folder(folder)
        )
        state.register_version(**keys, champion_digest=None)
    state.request_release(1, "direct", "test")
    loose = replace(
        CANARY,
        shares=(0.5,),
        least_rows=40,
        least_s=0,
        tolerances=(("failure_rate", 0.2), ("latency_p95", 9.0)),
    )
    with gateway(state, folders, tmp_path) as server, httpx.Client() as client:

        def version() -> int:
            answer = client.post(f"{server.url}/measure", json=[{"height": 9}] * 20)
            assert answer.status_code == 200
            return answer.json()[0]["version"]

        assert version() == 1
        state.request_release(2, "canary", "test", loose)
        seen = []

        def promoted() -> bool:
            seen.append(version())
            return state.releases()[-1].status == "serving"

        assert eventually(promoted)
        assert set(seen) == {1, 2}  # both answered meanwhile
        assert eventually(lambda: version() == 2)
        evidence = state.decisions(2)[-1].evidence
        assert {one["verdict"] for one in evidence} == {"met"}
        begun = time.perf_counter()
        state.request_release(1, "direct", "rollback")
        assert eventually(lambda: version() == 1)
        assert time.perf_counter() - begun < 1.0
