"""Workers that join once the first answers: as many as the cores and the memory have room for."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tiny_serving import Releases, running
from waiting import eventually

from modelwright.core.messages import PackageError, Problem
from modelwright.gateway.traffic import pool
from modelwright.gateway.traffic.pool import Pool
from modelwright.runtime import machine
from modelwright.runtime.worker.channel import Worker, start


def test_workers_join_while_the_first_answers(
    packages: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with running(Releases(packages["linear"]), threads=1) as server:
        workers = server.gateway.current.pool
        assert eventually(lambda: len(workers.workers) == machine.cores())
        assert len({one.process.pid for one in workers.workers}) == machine.cores()
        assert [one.layout.threads for one in workers.workers] == [1] * machine.cores()
        assert httpx.post(f"{server.url}/measure", json={"height": 9.0}).status_code == 200
    assert f"workers {machine.cores()}, threads of each 1" in caplog.text


def test_workers_stay_below_a_bar_on_memory(
    packages: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with running(Releases(packages["linear"]), threads=1, memory_bytes=1) as server:
        assert len(server.gateway.current.pool.workers) == 1
    assert "workers 1, threads of each 1" in caplog.text


def test_a_function_that_is_quicker_than_the_gateway_has_one_worker(packages: dict[str, Path]) -> None:
    async def started() -> Worker:
        worker = await start(packages["linear"], threads=None, max_batch=4, max_wait_s=0.0, timeout_s=60)
        await worker.close()
        return worker

    layout = asyncio.run(started()).layout
    assert (layout.workers, layout.threads) == (1, 1)


def test_a_worker_that_does_not_join_is_logged_and_the_first_goes_on(
    packages: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    async def answered() -> int:
        started: list[Worker] = []

        async def start_one() -> Worker:
            if started:
                raise PackageError(
                    Problem("package.not-found", folder="elsewhere", missing=None, manifest="", sums="")
                )
            started.append(
                await start(packages["linear"], threads=1, max_batch=4, max_wait_s=0.0, timeout_s=60)
            )
            return started[0]

        opened = await Pool.open(7, start_one, workers=1, silent_s=30.0)
        try:
            await opened.grow(3)
            reply = await opened.answer([[9.0, None]], {})
            assert reply.answers is not None
            return len(opened.workers)
        finally:
            await opened.close(1.0)

    assert asyncio.run(answered()) == 1
    assert "version 7 answers from 1 of its workers" in caplog.text


@pytest.mark.parametrize(
    ("under_way", "given", "expected"),
    [
        ([[], []], "long " * 30, 1),  # both are idle: the one that has answered its like
        ([[], ["word"]], "long " * 30, 0),  # an idle one comes first
        ([["word"], ["long " * 30]], "word", 0),
        ([["word"], ["long " * 30]], "long " * 30, 1),
        ([["word"], ["long " * 30] * 6], "long " * 30, 0),  # it has too much to do
    ],
)
def test_a_request_joins_its_like_where_there_is_little_to_do(
    under_way: list[list[str]], given: str, expected: int
) -> None:
    places = [pool._Place(None), pool._Place(None)]  # type: ignore[arg-type]
    for place, usual in zip(places, ("word", "long " * 30), strict=True):
        for _ in range(50):
            with place.busy(1, pool._work([[usual, 3.0]])):
                pass
    with ExitStack() as stack:
        for place, texts in zip(places, under_way, strict=True):
            for text in texts:
                stack.enter_context(place.busy(1, pool._work([[text, 3.0]])))
        assert pool._chosen(places, 1, pool._work([[given, 3.0]])) is places[expected]
    assert [(place.rows, place.work) for place in places] == [(0, 0), (0, 0)]


def test_no_rows_are_no_work() -> None:
    places = [pool._Place(None), pool._Place(None)]  # type: ignore[arg-type]
    assert pool._chosen(places, 0, pool._work([])) in places
