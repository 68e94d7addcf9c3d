"""Workers that are not wanted any more: they end after the last answer that is owed, and none of them stays."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
from tiny_serving import Releases

from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic.pool import Pool
from modelwright.runtime.worker.channel import Worker, start


async def until(there: object, seconds: float = 60.0) -> None:
    """Wait until a function returns something true."""
    async with asyncio.timeout(seconds):
        while not there():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def workers() -> set[int]:
    """Return the processes of workers that this one has started, and that run."""
    found = set()
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "modelwright.runtime.worker.worker" in one.cmdline():  # of one that has ended, nothing is left
                found.add(one.pid)
    return found


def test_a_request_between_two_passes_keeps_its_workers_and_one_that_dies_is_replaced(
    packages: dict[str, Path],
) -> None:
    """A list that is answered in passes asks again and again; meanwhile its version has gone out of the traffic."""

    before = workers()

    async def answered() -> tuple[list[bool], set[int]]:
        async def start_one() -> Worker:
            return await start(packages["linear"], threads=1, max_batch=4, max_wait_s=0.0, timeout_s=60)

        pool = await Pool.open(1, start_one, workers=1, silent_s=30.0)
        with pool.under_way():
            closing = asyncio.create_task(pool.close(30.0))
            await until(lambda: pool.retired)
            replies = [await pool.answer([[9.0, None]], {})]
            first = pool.workers[0]
            os.kill(first.process.pid, signal.SIGKILL)
            await first.gone()
            replies.append(await pool.answer([[9.0, None]], {}))
        await closing
        return [one.answers is not None for one in replies], workers() - before

    assert asyncio.run(answered()) == ([True, True], set())


def test_a_version_that_is_superseded_while_its_workers_start_leaves_none(packages: dict[str, Path]) -> None:
    releases = Releases(packages["linear"])
    gateway = Gateway("measure", ServeConfig(port=0, workers=2), releases, Telemetry("measure"))

    before = workers()

    async def superseded() -> set[int]:
        following = asyncio.create_task(gateway.run())
        await until(lambda: len(workers() - before) == 2)  # the first answers, the second is to join
        left = workers() - before
        releases.ask(packages["shifted"])
        try:
            await until(lambda: gateway.current is not None and gateway.current.version == 2)
            await until(lambda: not left & workers())
            return left & workers()
        finally:
            following.cancel()
            await gateway.stop()

    assert asyncio.run(superseded()) == set()
