"""Several versions at once: shares, callers that stay, testers that choose, and workers of one version."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from test_gateway import ask, eventually
from tiny_serving import Releases, running

from modelwright.core.messages import RequestError
from modelwright.gateway.server import Live
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic, Sticky
from modelwright.gateway.traffic.pool import backoff_s
from modelwright.gateway.traffic.route import Route
from modelwright.runtime.function import load
from modelwright.storage.traffic.record import LiveRecord

NONE = {}


def route(
    shares: dict[int, float], sticky: Sticky | None = None, loaded: tuple[int, ...] = (1, 2, 3)
) -> Route | None:
    """Return a route among versions of which only the number counts."""
    desired = DesiredTraffic(1, (), shares, sticky=sticky)
    return Route.of(desired, {number: SimpleNamespace(version=number) for number in loaded})


def versions(found: Route, callers: int = 4000, **headers: str) -> Counter[int]:
    """Return how many of as many callers each version answers."""
    return Counter(found.choose(NONE, {"who": f"caller {n}"}).version for n in range(callers))


def test_shares_are_kept():
    seen = versions(route({1: 0.9, 2: 0.1, 3: 0.0}))
    assert set(seen) == {1, 2}
    assert 300 < seen[2] < 500  # 400 ± 5 standard errors of 19


@pytest.mark.parametrize(
    "sticky", [Sticky("input", "who"), Sticky("header", "X-User"), Sticky("cookie", "session")]
)
def test_a_caller_stays_and_a_growing_share_gives_none_back(sticky: Sticky):
    def answering(found: Route, n: int) -> int:
        headers = {b"x-user": b"u%d" % n, b"cookie": b"a=b; session=u%d" % n}
        return found.choose(headers, {"who": f"u{n}"}).version

    small, large = route({1: 0.9, 2: 0.1}, sticky), route({1: 0.6, 2: 0.4}, sticky)
    before = [answering(small, n) for n in range(1000)]
    assert before == [answering(small, n) for n in range(1000)]
    after = [answering(large, n) for n in range(1000)]
    assert all(later == 2 for earlier, later in zip(before, after, strict=True) if earlier == 2)
    assert 320 < after.count(2) < 480


def test_a_list_goes_where_its_first_row_goes():
    found = route({1: 0.5, 2: 0.5}, Sticky("input", "who"))
    for n in range(20):
        row = {"who": n}
        assert found.choose(NONE, [row, {"who": -n}]) is found.choose(NONE, row)


@pytest.mark.parametrize("body", [None, [], [[]], "text", {"other": 1}, {"who": None}])
def test_a_caller_that_is_not_told_is_drawn(body: object):
    found = route({1: 0.5, 2: 0.5}, Sticky("input", "who"))
    assert {found.choose(NONE, body).version for _ in range(60)} == {1, 2}


def test_the_share_of_a_version_that_is_not_loaded_goes_to_the_others():
    assert [(one.version, share) for one, share in route({1: 0.6, 2: 0.2, 3: 0.2}, loaded=(1, 3)).shares] == [
        (1, pytest.approx(0.75)),
        (3, pytest.approx(0.25)),
    ]
    assert route({2: 1.0}, loaded=(1,)) is None


@pytest.mark.parametrize(
    ("shares", "loaded", "expected"),
    [
        ({1: 0.9, 2: 0.1}, (1, 2), {1: 0.9, 2: 0.1}),
        ({1: 0.9, 2: 0.1}, (1,), {1: 1.0}),
        (
            {1: 0.9, 2: 0.1},
            (2,),
            None,
        ),  # a gateway that starts anew: the champion's share is not for the canary
        ({1: 0.0, 2: 1.0}, (1,), {1: 1.0}),  # switched: until it is loaded again, the champion answers
        ({1: 0.0, 2: 1.0}, (2,), {2: 1.0}),
    ],
)
def test_what_is_to_be_proven_never_answers_more_than_its_share(
    shares: dict[int, float], loaded: tuple[int, ...], expected: dict[int, float] | None
):
    desired = DesiredTraffic(1, (), shares, champion=1)
    found = Route.of(desired, {number: SimpleNamespace(version=number) for number in loaded})
    assert (found and {one.version: pytest.approx(share) for one, share in found.shares}) == expected


@pytest.mark.parametrize("given", [b"4", b"", b"-1", b"1.0", b"x" * 5000, b"9" * 5000, "²".encode(), b"\xff"])
def test_a_version_that_is_not_loaded_cannot_be_named(given: bytes):
    found = route({1: 1.0})
    assert found.named({b"x-modelwright-version": b"2"}).version == 2
    with pytest.raises(RequestError, match=r"loaded are: 1, 2, 3"):
        found.named({b"x-modelwright-version": given})


def test_versions_share_the_traffic_and_go_after_their_last_answer(packages: dict[str, Path]):
    releases = Releases(packages["linear"])
    with running(releases) as server, httpx.Client(base_url=server.url) as client:

        def asked(**headers: str) -> int:
            answer = client.post("/measure", json={"height": 9}, headers=headers)
            return answer.json()["version"] if answer.is_success else answer.status_code

        releases.ask(packages["shifted"])  # the release of version 2, which stays at 0
        releases.share({1: 1.0, 2: 0.0})
        assert releases.changed.wait(60)
        assert {asked() for _ in range(20)} == {1}
        assert asked(**{"x-modelwright-version": "2"}) == 2
        assert asked(**{"x-modelwright-version": "7"}) == 422
        releases.share({1: 0.5, 2: 0.5})
        assert releases.changed.wait(60)
        assert {asked() for _ in range(60)} == {1, 2}
        weight = server.telemetry.registry.get_sample_value
        assert weight("modelwright_traffic_weight", {"function": "measure", "version": "2"}) == 0.5
        old = server.gateway.route.shares[0][0].worker.process.pid
        releases.share({2: 1.0})
        assert releases.changed.wait(60)
        assert {asked() for _ in range(20)} == {2}
        assert eventually(lambda: not psutil.pid_exists(old))
        assert asked(**{"x-modelwright-version": "1"}) == 422


def test_callers_stay_with_a_version_on_every_path(packages: dict[str, Path]):
    """By a header, a cookie or an input, asked as an object, as a list, as a form and as a tensor."""
    releases = Releases(packages["linear"])
    with running(releases) as server, httpx.Client(base_url=server.url) as client:
        releases.ask(packages["shifted"])
        for sticky in (Sticky("header", "X-User"), Sticky("cookie", "session"), Sticky("input", "height")):
            releases.share({1: 0.5, 2: 0.5}, sticky=sticky)
            assert releases.changed.wait(60)
            answering = set()
            for caller in range(6):
                height, headers = float(caller), {"x-user": f"u{caller}", "cookie": f"a=b; session=s{caller}"}
                shape = {"name": "height", "datatype": "FP64", "shape": [1]}
                asked = [
                    client.post("/measure", json={"height": height}, headers=headers).json()["version"],
                    client.post("/measure", json=[{"height": height}] * 2, headers=headers).json()[0][
                        "version"
                    ],
                    int(
                        client.post(
                            "/v2/models/measure/infer",
                            json={"inputs": [{**shape, "data": [height]}]},
                            headers=headers,
                        ).json()["model_version"]
                    ),
                ]
                if sticky.of != "input":  # a form holds texts
                    form = {"height": (None, str(height))}
                    asked.append(client.post("/measure", files=form, headers=headers).json()["version"])
                assert len(set(asked)) == 1, (sticky, caller, asked)
                answering.add(asked[0])
            assert answering == {1, 2}


def a_slow_body() -> Iterator[bytes]:
    """Yield a body of which the second half comes 0.2 s after the first."""
    yield b'{"height": '
    time.sleep(0.2)
    yield b"11}"


def test_a_version_that_is_watched_answers_nobody_and_is_recorded(packages: dict[str, Path], tmp_path: Path):
    releases = Releases(packages["linear"])
    live = Live(tmp_path / "live.db")
    with running(releases, live=live) as server:
        releases.ask(packages["shifted"])
        releases.share({1: 1.0, 2: 0.0}, shadow=2)
        assert releases.changed.wait(60)
        answers = [ask(server, height=n).json() for n in range(10)]
        json_header = {"content-type": "application/json"}
        answers.append(httpx.post(f"{server.url}/measure", content=a_slow_body(), headers=json_header).json())
        tested = httpx.post(
            f"{server.url}/measure", json={"height": 9}, headers={"x-modelwright-version": "2"}
        ).json()
        record = LiveRecord.open(live.record)
        assert eventually(lambda: len(record.rows(0, version=2)) >= 11)
    assert {answer["version"] for answer in answers} == {1}
    assert [row.id for row in record.rows(0)] == [answer["id"] for answer in answers]
    copies = record.rows(0, version=2)
    assert tested["version"] == 2
    assert sorted(row.id for row in copies) == sorted(
        answer["id"] for answer in answers
    )  # and no tester's request
    assert all(row.mirrored and row.code == 200 for row in copies)
    shifted = load(packages["shifted"])
    assert all(row.latency_s >= 0.2 for row in (record.rows(0)[-1], copies[-1]))  # both wait for the body
    for row in copies:
        assert row.outputs["size"]["value"] == shifted(row.inputs["height"]).size


def test_another_worker_answers_when_one_dies(packages: dict[str, Path]):
    with running(Releases(packages["linear"]), workers=2) as server:
        pool = server.gateway.current.pool
        first, second = [one.process.pid for one in pool.workers]
        os.kill(first, signal.SIGKILL)
        assert all(ask(server).is_success for _ in range(20))
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200
        assert eventually(
            lambda: first not in [w.process.pid for w in pool.workers] and pool.workers[0].alive
        )
        assert pool.workers[1].process.pid == second


def test_a_worker_that_hangs_is_replaced_although_no_one_waits_so_long(packages: dict[str, Path]):
    with running(Releases(packages["linear"]), limits={"timeout_s": 0.4}) as server:
        stuck = server.gateway.current.worker.process.pid
        os.kill(stuck, signal.SIGSTOP)
        assert eventually(lambda: server.gateway.current.worker.process.pid != stuck)
        assert eventually(lambda: ask(server).is_success)


def test_a_version_that_takes_too_much_memory_is_not_loaded(packages: dict[str, Path]):
    releases = Releases(packages["linear"])
    with running(releases, limits={"memory": "1 MiB"}) as server:
        assert [problem.id for problem in releases.refused] == ["serve.too-much-memory"]
        assert ask(server).status_code == 503


def test_a_worker_that_has_grown_is_replaced_and_no_answer_lost(packages: dict[str, Path], monkeypatch):
    with running(Releases(packages["slow"]), limits={"memory": "50 GB"}) as server:
        pool = server.gateway.current.pool
        old = pool.workers[0]
        monkeypatch.setattr(old, "memory_bytes", lambda: 60 * 10**9)  # as if it held that much
        while pool.workers[0] is old:
            assert ask(server, rounds=50).is_success
        assert ask(server, rounds=1).is_success
        assert eventually(lambda: not psutil.pid_exists(old.process.pid))


def test_a_start_that_fails_for_days_is_still_tried_again() -> None:
    waits = [backoff_s(failures) for failures in (1, 2, 5, 100_000)]
    assert waits == [0.5, 1.0, 8.0, 15.0]
