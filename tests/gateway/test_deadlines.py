"""What a client may ask of time, and what is refused because it would take too long."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from test_gateway import eventually
from tiny_serving import Releases, running

from modelwright.gateway.server import Server


def timed(server: Server, rounds: float, timeout_ms: object) -> httpx.Response:
    """Ask with a deadline."""
    headers = {"x-timeout-ms": str(timeout_ms)}
    return httpx.post(f"{server.url}/measure", json={"rounds": rounds}, headers=headers, timeout=60)


def error(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the id of an error."""
    return response.status_code, response.json()["error"]["id"]


def test_a_deadline_holds_for_one_request(packages: dict[str, Path]):
    with running(Releases(packages["slow"])) as server:
        assert error(timed(server, 20_000, 200)) == (504, "serve.timeout")
        assert eventually(lambda: timed(server, 1, 20_000).status_code == 200)
        for given in ("", "0", "-1", "1.5", "soon", "9" * 400, "1e3"):
            assert error(timed(server, 1, given)) == (422, "request.bad-timeout")
        assert server.gateway.rows_under_way == 0


def test_work_whose_deadline_has_passed_is_dropped(packages: dict[str, Path]):
    with running(Releases(packages["slow"]), batching={"rows": 1}) as server:
        worker = psutil.Process(server.gateway.current.worker.process.pid)

        def spent_s() -> float:
            assert timed(server, 1, 60_000).status_code == 200  # what came before has ended, or is dropped
            return worker.cpu_times().user

        before, begun = spent_s(), time.monotonic()
        assert timed(server, 300, 60_000).status_code == 200
        patience_ms = max(1, round(1000 * (time.monotonic() - begun)))
        alone = spent_s()
        with ThreadPoolExecutor(20) as pool:  # each of them would be answered, were the others not before it
            late = list(pool.map(lambda _: timed(server, 300, patience_ms).status_code, range(20)))
        assert set(late) <= {200, 503, 504}
        assert late.count(504) > 5
        assert spent_s() - alone < 10 * (alone - before)  # all twenty would take twice that
        assert server.gateway.rows_under_way == 0


def test_what_would_wait_too_long_is_refused_at_once(packages: dict[str, Path]):
    limits = {"queue_s": 0.1}
    with running(Releases(packages["slow"]), limits=limits, batching={"rows": 1}) as server:
        for _ in range(3):
            assert timed(server, 400, 60_000).status_code == 200  # it learns what a row takes
        with ThreadPoolExecutor(8) as pool:
            begun = time.monotonic()
            waiting = [pool.submit(timed, server, 3000, 60_000) for _ in range(8)]
            refused = [one.result() for one in waiting]
        seen = {error(one) for one in refused if one.status_code != 200}
        assert seen <= {(503, "serve.waits-too-long")}
        assert seen or time.monotonic() - begun < 5  # a machine on which nothing takes long refuses nothing
        for one in refused:
            assert one.status_code == 200 or int(one.headers["retry-after"]) >= 1
        assert eventually(lambda: timed(server, 1, 60_000).status_code == 200)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_full_queue_is_refused_before_the_body_is_read(packages: dict[str, Path], rows: int):
    with running(Releases(packages["slow"]), limits={"queue": 1}) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(timed, server, 3000, 60_000)
        assert eventually(lambda: server.gateway.rows_under_way == 1)
        refused = httpx.post(f"{server.url}/measure", content=b"no JSON at all" * rows)
        assert error(refused) == (429, "serve.overloaded")
        assert waiting.result().status_code == 200
