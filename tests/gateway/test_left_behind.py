"""What a request holds goes with it: nothing waits for the collector, between whose rounds the process would grow."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from modelwright.gateway.http import exchange


async def watched(requests: int, departures: list[weakref.ref[exchange.Departure]]) -> None:
    """Watch for clients to leave that stay, until each request has its answer."""

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError("the client stays")

    async def request() -> None:
        departure = exchange.Departure(receive)
        departures.append(weakref.ref(departure))
        await asyncio.sleep(0.01)  # the watch has begun
        departure.stop()

    await asyncio.gather(*(asyncio.ensure_future(request()) for _ in range(requests)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # what is cancelled has ended


def test_who_watched_for_a_client_to_leave_is_gone_with_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_WATCH_AFTER_S", 0.0)
    departures: list[weakref.ref[exchange.Departure]] = []
    gc.disable()
    try:
        asyncio.run(watched(20, departures))
        assert len(departures) == 20
        assert [one() for one in departures] == [None] * 20
    finally:
        gc.enable()
