"""A gateway that is killed in the middle of a release: the next one goes on with the same shares, and decides nothing
twice.

The quick form of `benchmarks/release_kills.py`.
"""

from __future__ import annotations

import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
import waiting
from tiny_serving import linear_body, sealed

from modelwright.core.digests import of_folder
from modelwright.core.messages import Phrase
from modelwright.core.rollouts.state_machine import Decision, Status
from modelwright.core.rollouts.strategy import Strategy
from modelwright.storage.state.database import State

GATEWAY = """
import sys
from pathlib import Path
from modelwright.gateway.config import CacheConfig, ServeConfig
from modelwright.gateway.server import serve
from modelwright.gateway.station import Live
from modelwright.monitors.rollout_evidence import RolloutJudge
from modelwright.outcomes import metrics
from modelwright.project.serving.rollout_leading import StateReleases
from modelwright.storage.state.database import State
from modelwright.storage.traffic.record import LiveRecord
root = Path(sys.argv[1])
record = root / "live.db"
judge = RolloutJudge(LiveRecord.open(record), [], metrics().any)
releases = StateReleases(State.open(root / "state.db"), lambda version: root / str(version.number), judge)
config = ServeConfig(port=0, workers=1, threads=1, cache=CacheConfig(size=None))
serve("measure", config, releases, live=Live(record), started=lambda url: print(url, flush=True))
"""
# a canary that goes no further by itself
CANARY = Strategy("canary", (0.5,), least_rows=10**9, tolerances=(("failure_rate", 0.2),))

eventually = partial(waiting.eventually, timeout_s=40.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with two versions, of which the first serves and the second is to be released."""
    state = State.open(tmp_path / "state.db")
    for number, shift in ((1, 0.0), (2, 0.5)):
        folder = sealed(linear_body(shift), tmp_path / str(number))
        names = ("package_digest", "evidence_digest", "package_key", "evidence_key")
        state.register_version(**dict.fromkeys(names, of_folder(folder)), champion_digest=None)
    state.request_release(1, "direct", "test")
    state.request_release(2, "canary", "test", CANARY)
    return tmp_path


def shares(url: str) -> dict[int, float]:
    """Return which version answers what share, in a gateway that may not be there."""
    try:
        found = httpx.get(f"{url}/admin/traffic").raise_for_status().json()["versions"]
    except httpx.HTTPError:
        return {}
    return {one["version"]: one["share"] for one in found if one["share"]}


def is_back(url: str) -> bool:
    """Tell whether the first version answers everything."""
    return shares(url) == {1: 1.0}


@pytest.mark.parametrize("kills", [1, pytest.param(4, marks=pytest.mark.proof)])
def test_the_next_gateway_goes_on_where_one_was_killed(root: Path, kills: int) -> None:
    """The first is killed at the canary's step, the others at instants that are drawn."""
    state, draw = State.open(root / "state.db"), random.Random(0)
    for turn in range(kills + 1):
        with subprocess.Popen(
            [sys.executable, "-c", GATEWAY, str(root)], stdout=subprocess.PIPE, text=True
        ) as gateway:
            assert gateway.stdout is not None
            url, seen = gateway.stdout.readline().strip(), []

            def both(url: str = url, seen: list[dict[int, float]] = seen) -> bool:
                seen.append(shares(url))
                return seen[-1] == {1: 0.5, 2: 0.5}

            if turn in (0, kills):
                assert eventually(both)
            else:
                waiting.eventually(both, draw.uniform(0, 2))
            if turn == kills:
                rolling = state.rolling_release()
                state.advance(rolling, Decision(Status.ABORTED, 0, Phrase("rollout.rolled-back", by="test")))
                assert eventually(partial(is_back, url))
                assert eventually(lambda: state.rolling_release() is None)
            gateway.kill()
        # the champion alone while the other is loading; the version that is to be proven never more than its share
        assert all(one in ({}, {1: 1.0}, {1: 0.5, 2: 0.5}) for one in seen)
        assert state.production().number == 1
    assert [str(one.status) for one in state.decisions(2)] == ["warming", "canary", "aborted", "rolled back"]
