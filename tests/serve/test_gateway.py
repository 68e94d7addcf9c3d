"""Crashes, overload, releases, and the end of the gateway, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.serve.predictions import Traffic
from modelwright.serve.server import Server


def eventually(true: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Wait for a condition that another process brings about."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def worker_pid(server: Server) -> int:
    """Return the process id of the worker that answers."""
    assert server.gateway.current is not None
    return server.gateway.current.worker.process.pid


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
    with running(releases, queue=4, max_batch=1) as server, ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(lambda _: ask(server, rounds=300), range(12)))
        codes = [response.status_code for response in responses]
        assert set(codes) == {200, 503}
        assert codes.count(200) >= 4
        refused = next(response for response in responses if response.status_code == 503)
        assert refused.json()["error"]["id"] == "serve.overloaded"
        assert "retry-after" in refused.headers
        labels = {"function": "measure", "reason": "serve.overloaded"}
        counted = server.telemetry.registry.get_sample_value("modelwright_rejected_total", labels)
        assert counted == codes.count(503)
        assert ask(server, rounds=1).is_success


def test_a_late_answer_is_504_and_its_work_forgotten(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"]), timeout_s=0.3) as server:
        response = ask(server, rounds=1500)
        assert (response.status_code, response.json()["error"]["id"]) == (504, "serve.timeout")
        assert server.gateway.rows_under_way == 0
        assert eventually(lambda: ask(server, rounds=1).is_success)


def test_requests_that_wait_share_a_pass(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"])) as server, ThreadPoolExecutor(16) as pool:
        assert all(r.is_success for r in pool.map(lambda _: ask(server, rounds=100), range(48)))
        value = server.telemetry.registry.get_sample_value
        rows = value("modelwright_batch_size_sum", {"function": "measure"}) or 0
        assert rows / 48 > 2  # the mean batch that a request was in


def test_an_answer_that_is_no_number_is_500_and_harms_no_neighbour(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"])) as server, ThreadPoolExecutor(8) as pool:
        # more rounds than an int64 holds cannot be asked; what fails is the number that comes back as NaN
        responses = list(pool.map(lambda i: ask(server, rounds=-1.0 if i % 2 else 50.0), range(16)))
        assert all(response.is_success for response in responses)


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
        assert releases.done == [1, 2]
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
        wish = releases.ask(damaged)
        assert releases.changed.wait(60)
        assert [(release, problem.id) for release, problem in releases.refused] == [
            (wish.release_id, "package.altered-file")
        ]
        assert ask(server).json()["version"] == 1
        releases.ask(packages["shifted"])
        assert eventually(lambda: ask(server).json()["version"] == 3)


def test_a_package_of_another_function_is_not_served(packages: dict[str, Path], tmp_path: Path) -> None:
    body = linear_body()
    other = type(body.signature)("weigh", body.signature.inputs, body.signature.outputs)
    folder = sealed(type(body)(other, body.driver, body.graphs, body.states), tmp_path / "other")
    releases = Releases(folder)
    with running(releases) as server:
        assert releases.refused[0][1].id == "serve.other-function"
        response = ask(server)
        assert (response.status_code, response.json()["error"]["id"]) == (503, "serve.not-ready")
        assert httpx.get(f"{server.url}/v2/health/ready").json() == {"ready": False}
        for path in ("/docs", "/openapi.json"):
            assert httpx.get(server.url + path).status_code == 503


def test_what_is_recorded(packages: dict[str, Path]) -> None:
    record: list[Traffic] = []
    with running(Releases(packages["linear"]), recorder=record.extend, private=("width",)) as server:
        one = ask(server, height=9, width=4)
        httpx.post(
            f"{server.url}/measure", json=[{"height": 1}, {"height": 20}], headers={"x-request-id": "two"}
        )
        ask(server, wrong=1)
    assert [row.id for row in record] == [one.json()["id"], "two.0", "two.1"]
    assert record[0].inputs == {"height": 9.0}
    assert record[0].outputs == one.json()["outputs"]
    assert {(row.version, row.code) for row in record} == {(1, 200)}
    assert abs(record[0].time - time.time()) < 60
    assert 0 < record[0].latency_s < 10


def test_failures_of_ours_are_recorded(packages: dict[str, Path]) -> None:
    record: list[Traffic] = []
    with running(Releases(packages["slow"]), recorder=record.extend, timeout_s=0.2) as server:
        ask(server, rounds=1500)
    assert [(row.code, row.outputs, dict(row.inputs)) for row in record] == [(504, None, {})]


SERVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tiny_serving import Releases
from modelwright.serve.config import ServeConfig
from modelwright.serve.server import serve
serve(ServeConfig(port=0), "measure", Releases(Path(sys.argv[1])), started=lambda url: print(url, flush=True))
print("ended well", flush=True)
"""


def started(package: Path) -> tuple[subprocess.Popen[str], str, int]:
    """Start a gateway as a process of its own; returns it, its address and its worker's id."""
    command = [sys.executable, "-c", SERVER, str(package), str(Path(__file__).parent)]
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
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
