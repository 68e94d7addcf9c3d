"""Crashes, overload, releases, and the end of the gateway, with real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import tiny_serving
import waiting
from requirement_texts import parse
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.core.digests import of_folder
from modelwright.core.signature import Signature
from modelwright.gateway import station
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.server import Live, Server
from modelwright.gateway.telemetry import Telemetry
from modelwright.storage.traffic.record import LiveRecord

eventually = partial(waiting.eventually, timeout_s=30.0)


def worker_pid(server: Server) -> int:
    """Return the process id of the worker that answers."""
    assert server.gateway.current is not None
    return server.gateway.current.worker.process.pid


def total(server: Server, metric: str) -> float:
    """Return a sample that has no labels but the function."""
    return server.telemetry.registry.get_sample_value(f"modelwright_{metric}", {"function": "measure"}) or 0.0


def ask(server: Server, **row: float) -> httpx.Response:
    """Ask once."""
    return httpx.post(f"{server.url}/measure", json=row or {"height": 9}, timeout=60)


def test_a_worker_killed_under_load_costs_no_answer(packages: dict[str, Path]) -> None:
    statuses: list[int] = []
    stop = threading.Event()

    def load(url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.is_set():
                statuses.append(client.post("/measure", json={"height": 9}).status_code)

    with running(Releases(packages["linear"])) as server:
        clients = [threading.Thread(target=load, args=(server.url,)) for _ in range(8)]
        for client in clients:
            client.start()
        for _ in range(2):
            assert eventually(lambda: server.gateway.ready)
            answered = len(statuses)
            assert eventually(lambda seen=answered: len(statuses) > seen + 50)
            before = worker_pid(server)
            os.kill(before, signal.SIGKILL)
            assert eventually(lambda pid=before: server.gateway.ready and worker_pid(server) != pid)
        assert eventually(lambda: ask(server).is_success)
        stop.set()
        for client in clients:
            client.join()
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) > 100
        assert eventually(lambda: server.gateway.rows_under_way == 0)


def test_a_request_in_flight_is_asked_again(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"])) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, rounds=2000)
        assert eventually(lambda: server.gateway.rows_under_way == 1)
        os.kill(worker_pid(server), signal.SIGKILL)
        assert eventually(lambda: not server.gateway.ready)
        assert httpx.get(f"{server.url}/v2/health/live").status_code == 200
        assert waiting.result().status_code == 200


@pytest.mark.proof
def test_while_the_worker_restarts_the_server_is_not_ready(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(packages["linear"], tmp_path / "p"))
    with running(Releases(folder)) as server:
        assert ask(server).is_success
        moved = folder.rename(tmp_path / "elsewhere")  # so that no restart succeeds
        os.kill(worker_pid(server), signal.SIGKILL)
        assert eventually(lambda: ask(server).status_code == 503)
        refused = ask(server)
        assert refused.json()["error"]["id"] == "serve.unavailable"
        assert int(refused.headers["retry-after"]) >= 1
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 503
        moved.rename(folder)
        assert eventually(lambda: ask(server).is_success)


def test_overload_is_refused_and_counted(packages: dict[str, Path]) -> None:
    releases = Releases(packages["slow"])
    with (
        running(releases, limits={"queue": 4}, batching={"rows": 1}) as server,
        ThreadPoolExecutor(12) as pool,
    ):
        responses = list(pool.map(lambda _: ask(server, rounds=300), range(12)))
        codes = [response.status_code for response in responses]
        assert set(codes) == {200, 429}
        assert codes.count(200) >= 4
        refused = next(response for response in responses if response.status_code == 429)
        assert refused.json()["error"]["id"] == "serve.overloaded"
        assert "retry-after" in refused.headers
        labels = {"function": "measure", "reason": "serve.overloaded"}
        counted = server.telemetry.registry.get_sample_value("modelwright_rejected_total", labels)
        assert counted == codes.count(429)
        assert ask(server, rounds=1).is_success


def test_a_late_answer_is_504_and_its_work_forgotten(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"]), limits={"timeout_s": 0.5}) as server:
        response = ask(server, rounds=20_000)
        assert (response.status_code, response.json()["error"]["id"]) == (504, "serve.timeout")
        assert server.gateway.rows_under_way == 0
        assert eventually(lambda: ask(server, rounds=1).is_success)


@pytest.mark.proof
def test_a_pass_that_never_ends_is_ended(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"]), limits={"timeout_s": 0.5}) as server:
        stuck = worker_pid(server)
        assert ask(server, rounds=1e6).status_code == 504
        assert eventually(lambda: ask(server, rounds=1).status_code == 200)
        assert worker_pid(server) != stuck


def test_requests_that_wait_share_a_pass(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"])) as server, ThreadPoolExecutor(16) as pool:
        assert all(r.is_success for r in pool.map(lambda _: ask(server, rounds=100), range(48)))
        assert total(server, "batch_size_sum") / 48 > 2  # the mean batch that a request was in


def test_an_answer_that_fails_is_500_and_harms_no_neighbour(packages: dict[str, Path]) -> None:
    heights = [0, 1, 2, -1, 9] * 8  # -1: an answer that is no number; 9: the graph itself fails
    # they share batches, so that a failure must be told from its neighbours
    together = threading.Barrier(len(heights))

    def at_once(url: str, height: int) -> httpx.Response:
        with httpx.Client(base_url=url, timeout=60) as client:
            client.get("/v2/health/ready")  # connected already
            together.wait(60)
            return client.post("/measure", json={"height": height})

    with (
        running(Releases(packages["picky"]), batching={"wait_ms": 30}) as server,
        ThreadPoolExecutor(len(heights)) as pool,
    ):
        responses = list(pool.map(lambda height: at_once(server.url, height), heights))
        rows = server.telemetry.registry.get_sample_value(
            "modelwright_batch_size_sum", {"function": "measure"}
        )
        assert rows is not None
        assert rows > 24  # requests were answered, some of them in one batch
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200
    for height, response in zip(heights, responses, strict=True):
        if height in range(3):
            assert response.json()["outputs"]["size"]["value"] == ("small", "medium", "large")[height]
        else:
            assert response.status_code == 500
            assert response.json()["error"]["id"] == "serve.body-failed"
            assert "onnx" not in response.text.lower()


def test_traffic_moves_to_the_next_release_without_a_failure(packages: dict[str, Path]) -> None:
    releases = Releases(packages["linear"])
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def load(url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.is_set():
                response = client.post("/measure", json={"height": 9})
                seen.append((response.status_code, response.json().get("version")))

    with running(releases) as server:
        clients = [threading.Thread(target=load, args=(server.url,)) for _ in range(4)]
        for client in clients:
            client.start()
        old = worker_pid(server)
        releases.ask(packages["shifted"])
        assert releases.changed.wait(60)
        assert eventually(lambda: (200, 2) in seen)
        stop.set()
        for client in clients:
            client.join()
        assert {status for status, _ in seen} == {200}
        assert {version for _, version in seen} == {1, 2}
        assert releases.statuses() == ["retired", "serving"]
        assert eventually(lambda: not psutil.pid_exists(old))
        weight = server.telemetry.registry.get_sample_value
        assert weight("modelwright_traffic_weight", {"function": "measure", "version": "2"}) == 1
        assert weight("modelwright_traffic_weight", {"function": "measure", "version": "1"}) is None


def test_a_release_that_does_not_start_leaves_the_old_one(packages: dict[str, Path], tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(packages["shifted"], tmp_path / "damaged"))
    with (damaged / "model.onnx").open("ab") as file:
        file.write(b"x")
    releases = Releases(packages["linear"])
    with running(releases) as server:
        releases.ask(damaged)
        assert releases.changed.wait(60)
        assert [problem.id for problem in releases.refused] == ["package.altered-file"]
        assert releases.statuses() == ["serving", "failed"]
        assert ask(server).json()["version"] == 1
        releases.ask(packages["shifted"])
        assert eventually(lambda: ask(server).json()["version"] == 3)


def test_a_package_that_was_not_judged_is_not_served(packages: dict[str, Path]) -> None:
    releases = Releases(packages["linear"])
    with running(releases) as server:
        releases.ask(packages["shifted"], digest=of_folder(packages["linear"]))  # whole, but put in its place
        assert releases.changed.wait(60)
        assert [problem.id for problem in releases.refused] == ["serve.other-package"]
        assert ask(server).json()["version"] == 1


def test_a_gateway_that_is_too_slow_here_condemns_no_release(packages: dict[str, Path]) -> None:
    releases = Releases(packages["linear"])
    with running(releases) as server:
        releases.ask(packages["shifted"])
        assert releases.changed.wait(60)
        assert ask(server).json()["version"] == 2
    # On a machine so busy that no worker comes up in time: it keeps trying, and the release stays as it is.
    config = ServeConfig(port=0, start_timeout_s=0.001)
    gateway = Gateway("measure", config, releases, Telemetry("measure"))
    for _ in range(3):
        asyncio.run(gateway.follow_once())
    assert gateway.current is None
    assert releases.refused == []
    assert releases.statuses() == ["retired", "serving"]


def test_a_package_of_another_function_is_not_served(packages: dict[str, Path], tmp_path: Path) -> None:
    body = linear_body()
    other = type(body.signature)("weigh", body.signature.inputs, body.signature.outputs)
    folder = sealed(type(body)(other, body.driver, body.graphs, body.states), tmp_path / "other")
    releases = Releases(folder)
    with running(releases) as server:
        assert releases.refused[0].id == "serve.other-function"
        response = ask(server)
        assert (response.status_code, response.json()["error"]["id"]) == (503, "serve.not-ready")
        assert httpx.get(f"{server.url}/v2/health/ready").json() == {"ready": False}
        for path in ("/docs", "/openapi.json"):
            assert httpx.get(server.url + path).status_code == 503


def test_what_is_recorded(packages: dict[str, Path], tmp_path: Path) -> None:
    live = Live(tmp_path / "live.db")
    with running(Releases(packages["linear"]), live=live, record={"private": ("width",)}) as server:
        one = ask(server, height=9, width=4)
        two = [{"height": 1}, {"height": 20}]
        httpx.post(f"{server.url}/measure", json=two, headers={"x-request-id": "two"})
        ask(server, wrong=1)
    rows = LiveRecord.open(live.record).rows(0)
    assert [row.id for row in rows] == [one.json()["id"], "two.0", "two.1"]
    assert rows[0].inputs == {"height": 9.0}
    assert rows[0].outputs == one.json()["outputs"]
    assert {(row.version, row.code) for row in rows} == {(1, 200)}
    assert abs(rows[0].time - time.time()) < 60
    assert 0 < rows[0].latency_s < 10


def test_failures_of_ours_are_recorded_for_each_row(packages: dict[str, Path], tmp_path: Path) -> None:
    live = Live(tmp_path / "live.db")
    with running(Releases(packages["slow"]), live=live, limits={"timeout_s": 0.2}) as server:
        ask(server, rounds=20_000)
        httpx.post(f"{server.url}/measure", json=[{"rounds": 20_000}] * 2, headers={"x-request-id": "two"})
    rows = LiveRecord.open(live.record).rows(0)
    assert [(row.code, row.outputs, dict(row.inputs)) for row in rows] == [(504, None, {})] * 3
    assert [row.id for row in rows[1:]] == ["two.0", "two.1"]


def test_nothing_is_recorded_when_that_is_switched_off(packages: dict[str, Path], tmp_path: Path) -> None:
    with running(
        Releases(packages["linear"]), live=Live(tmp_path / "live.db"), record={"enabled": False}
    ) as server:
        assert ask(server).is_success
    assert not (tmp_path / "live.db").exists()


def test_live_requirements_are_shown_as_gauges(packages: dict[str, Path], tmp_path: Path) -> None:
    signature = Signature.parse("measure(height: number) -> size: category")
    bars = {
        "latency_p95": "<= 20 s",
        "latency_p50": "<= 0.001 ms",
        "failure_rate": "<= 50 %",
        "size": "<= 1 MB",
    }
    requirements = [parse(key, bar, signature) for key, bar in bars.items()]
    live = Live(tmp_path / "live.db", requirements, refresh_s=0.1)
    with (
        running(Releases(packages["linear"]), live=live) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        for _ in range(100):
            client.post("/measure", json={"height": 9})

        def gauge(requirement: str, verdict: str) -> float | None:
            labels = {"function": "measure", "version": "1", "requirement": requirement, "verdict": verdict}
            return server.telemetry.registry.get_sample_value("modelwright_requirement_verdict", labels)

        late, slow, failing, size = map(str, requirements)
        assert eventually(lambda: gauge(late, "met") == 1)
        assert eventually(lambda: gauge(slow, "unmet") == 1 and gauge(slow, "met") == 0)
        assert eventually(lambda: gauge(failing, "met") == 1)
        assert gauge(size, "met") is None  # nothing that traffic can show
        value = server.telemetry.registry.get_sample_value(
            "modelwright_requirement_value", {"function": "measure", "version": "1", "requirement": late}
        )
        assert value is not None
        assert 0 < value < 20


def test_what_goes_on_beside_the_requests_survives_an_error_that_nobody_foresaw(
    packages: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = {"judge": 0, "prune": 0}

    def failing_once(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            if calls[name] == 1:
                raise ZeroDivisionError(name)
            return work(*arguments, **options)

        return call

    judged = failing_once("judge", station.live_requirements.judge_live)
    monkeypatch.setattr(station.live_requirements, "judge_live", judged)
    monkeypatch.setattr(LiveRecord, "prune", failing_once("prune", LiveRecord.prune))
    monkeypatch.setattr(station, "_PRUNE_EVERY_S", 0.1)
    live = Live(tmp_path / "live.db", [parse("failure_rate", "<= 50 %")], refresh_s=0.1)
    with running(Releases(packages["linear"]), live=live):
        assert eventually(lambda: min(calls.values()) > 2)
    logged = [one.getMessage() for one in caplog.records if one.exc_info]
    assert sorted(logged) == [
        "could not remove the oldest of the record",
        "could not show the live requirements",
    ]


@pytest.mark.proof
def test_one_gateway_reports_and_another_takes_over(packages: dict[str, Path], tmp_path: Path) -> None:
    live = Live(tmp_path / "live.db")
    releases = Releases(packages["linear"])
    with running(releases, live=live):
        assert releases.statuses() == ["serving"]
        with running(releases, live=live) as second:
            assert eventually(lambda: ask(second).is_success)  # it follows, and reports nothing
            assert len([e for e in releases.state.audit() if e.action == "release.serving"]) == 1
            first = LiveRecord.open(live.record).last_holder("gateway")
    assert first is not None
    last = LiveRecord.open(live.record).last_holder("gateway")
    assert not last.holds(time.time(), 10.0)  # both gave it back
    releases.ask(packages["shifted"])
    with running(releases, live=live) as third:
        assert eventually(lambda: ask(third).json().get("version") == 2)
        assert eventually(lambda: releases.statuses() == ["retired", "serving"])


SERVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from typing import Any
from tiny_serving import Releases
from modelwright.gateway import station
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.server import serve
serve("measure", ServeConfig(port=0), Releases(Path(sys.argv[1])), started=lambda url: print(url, flush=True))
print("ended well", flush=True)
"""


def started(package: Path) -> tuple[subprocess.Popen[str], str, int]:
    """Start a gateway as a process of its own; returns it, its address and its worker's id."""
    command = [sys.executable, "-c", SERVER, str(package), str(Path(tiny_serving.__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert eventually(lambda: _ready(url)), "the gateway did not become ready"
    (worker,) = psutil.Process(process.pid).children()
    return process, url, worker.pid


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.proof)])
def test_a_signal_lets_requests_finish(packages: dict[str, Path], number: signal.Signals) -> None:
    process, url, worker = started(packages["slow"])
    with process, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"{url}/measure", json={"rounds": 800}, timeout=60)
        in_flight = 'modelwright_requests_in_flight{function="measure"} 1.0'
        assert eventually(lambda: in_flight in httpx.get(f"{url}/metrics").text)
        process.send_signal(number)
        assert waiting.result().status_code == 200
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "ended well\n"
    assert eventually(lambda: not psutil.pid_exists(worker))


def test_a_killed_gateway_takes_its_worker_with_it(packages: dict[str, Path]) -> None:
    process, url, worker = started(packages["slow"])
    with process, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, f"{url}/measure", json={"rounds": 3000}, timeout=60)
        assert eventually(lambda: 'in_flight{function="measure"} 1.0' in httpx.get(f"{url}/metrics").text)
        process.kill()
        assert process.wait(10) != 0
        with pytest.raises(httpx.TransportError):
            waiting.result()
    assert eventually(lambda: not psutil.pid_exists(worker))
