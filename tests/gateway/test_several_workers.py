"""`serve.workers`: several processes answer for one version; all of them work, and no answer is lost on a reload."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tiny_serving import Releases, running
from waiting import eventually

from modelwright.runtime.function import load

WORKERS, CALLERS = 2, 6


@contextmanager
def under_load(url: str) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Ask without a pause over several connections; yields the answers so far."""
    seen: list[tuple[int, dict[str, Any]]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.is_set():
                answer = client.post("/measure", json=[{"height": 9.0}, {"height": 10.2}])
                seen.append((answer.status_code, answer.json()))

    callers = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for one in callers:
        one.start()
    try:
        yield seen
    finally:
        stop.set()
        for one in callers:
            one.join(60)


@pytest.mark.parametrize("last", [2, pytest.param(6, marks=pytest.mark.proof)])
def test_no_answer_is_lost_while_versions_come_and_go_one_does_not_start_and_a_worker_dies(
    packages: dict[str, Path], tmp_path: Path, last: int
) -> None:
    """The quick form of `benchmarks/serving_load.py`."""
    damaged = Path(shutil.copytree(packages["shifted"], tmp_path / "damaged"))
    with (damaged / "model.onnx").open("ab") as file:
        file.write(b"x")
    releases = Releases(packages["linear"])
    folders = {
        version: packages["shifted" if version % 2 == 0 else "linear"] for version in range(1, last + 1)
    }
    with running(releases, workers=WORKERS) as server:
        before = [one.process.pid for one in server.gateway.current.pool.workers]
        assert len({*before}) == WORKERS
        with under_load(server.url) as seen:
            for version in range(2, last + 1):
                count = len(seen)
                assert eventually(lambda least=count: len(seen) > least + 20)
                releases.ask(folders[version])
                assert releases.changed.wait(60)
                assert eventually(lambda wanted=version: seen[-1][1][0]["version"] == wanted)
                died = server.gateway.current.pool.workers[version % WORKERS].process.pid
                os.kill(died, signal.SIGKILL)
                assert eventually(
                    lambda pid=died: (
                        pid not in [one.process.pid for one in server.gateway.current.pool.workers]
                    )
                )
            releases.ask(damaged)
            assert releases.changed.wait(60)
            assert releases.statuses()[-1] == "failed"
            count = len(seen)
            assert eventually(lambda: len(seen) > count + 20)
            assert seen[-1][1][0]["version"] == last
        assert eventually(
            lambda: not any(psutil.pid_exists(pid) for pid in before)
        )  # after their last answers
        assert eventually(lambda: server.gateway.rows_under_way == 0)
    right = {
        version: [load(folder)(height).size for height in (9.0, 10.2)] for version, folder in folders.items()
    }
    for status, rows in seen:
        assert status == 200
        (version,) = {row["version"] for row in rows}
        assert [row["outputs"]["size"]["value"] for row in rows] == right[version]
    assert {rows[0]["version"] for _, rows in seen} == {*folders}


@pytest.mark.proof
def test_every_worker_takes_its_part(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"]), workers=WORKERS, threads=1) as server:
        workers = [psutil.Process(one.process.pid) for one in server.gateway.current.pool.workers]
        before = [one.cpu_times().user for one in workers]
        with ThreadPoolExecutor(CALLERS) as callers:
            answers = [
                callers.submit(httpx.post, f"{server.url}/measure", json={"rounds": 100}, timeout=60)
                for _ in range(4 * CALLERS)
            ]
            assert {one.result().status_code for one in answers} == {200}
        spent = [one.cpu_times().user - used for one, used in zip(workers, before, strict=True)]
    assert min(spent) > 0.2 * sum(spent)
