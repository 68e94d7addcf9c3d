"""One gateway leads, and no other until its lease has ended; following waits for nobody who writes into the record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import waiting
from tiny_serving import Releases, running

from modelwright.core.messages import Problem
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.server import Live
from modelwright.gateway.traffic.desired_traffic import DesiredTraffic
from modelwright.gateway.traffic.lease import TTL_S, LeasedReleases
from modelwright.storage.traffic import live_schema
from modelwright.storage.traffic.record import LiveRecord

eventually = partial(waiting.eventually, timeout_s=8.0)  # less than a lease is waited for
BUSY = 64  # more than there are threads for what must not hold requests up


class Led:
    """Releases that note who asked, and what was reported."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.reports: list[object] = []

    def desired_traffic(self, *, leads: bool) -> DesiredTraffic | None:
        self.asked.append(leads)
        return None

    def moved(self, traffic: DesiredTraffic) -> None:
        self.reports.append(traffic.release_id)

    def failed(self, release_id: int, version: int, problem: Problem) -> None:
        self.reports.append((release_id, version))


@contextmanager
def somebody_writes(record: Path) -> Iterator[None]:
    """Hold the record's only place for a writer."""
    with closing(live_schema.connect(record)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def test_who_could_not_renew_leads_no_longer_before_another_may(tmp_path: Path) -> None:
    now, record = 1000.0, LiveRecord.open(tmp_path / "live.db", lambda: now)
    led, other = Led(), Led()
    first, second = (LeasedReleases(one, record, lambda: now) for one in (led, other))
    first.desired_traffic(leads=True)
    first.moved(DesiredTraffic(7, (), {}))
    assert (led.asked, led.reports) == ([False], [])  # nothing is ours before it is taken
    first.renew()
    second.renew()
    first.desired_traffic(leads=True)
    second.desired_traffic(leads=True)
    assert (led.asked[-1], led.reports, other.asked) == (True, [7], [False])
    begun, alone = now, 0.0
    while not other.asked[-1]:  # the first is renewed no more
        now += 0.25
        second.renew()
        for one in (first, second):
            one.desired_traffic(leads=True)
        assert not (led.asked[-1] and other.asked[-1])
        alone = now - begun if led.asked[-1] else alone
    assert 1 <= alone < TTL_S / 2  # and so what it has begun by then ends in time
    first.renew()
    second.give_back()
    for one in (first, second):
        one.desired_traffic(leads=True)
    assert not led.asked[-1]
    assert not other.asked[-1]
    first.renew()
    first.desired_traffic(leads=True)
    assert led.asked[-1]


def test_a_lease_counts_from_before_it_was_waited_for(tmp_path: Path) -> None:
    now = 1000.0

    class Waiting(LiveRecord):
        def lease(self, *given: object) -> object:  # type: ignore[override]
            nonlocal now
            found = super().lease(*given)  # type: ignore[arg-type]
            now += 5  # until the answer is here
            return found

    led = Led()
    leased = LeasedReleases(led, Waiting.open(tmp_path / "live.db", lambda: now), lambda: now)
    leased.renew()
    leased.desired_traffic(leads=True)
    assert led.asked == [False]


def test_a_rollback_does_not_wait_for_who_writes_into_the_record(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    live, releases = Live(tmp_path / "live.db"), Releases(packages["linear"], packages["shifted"])
    with running(releases, live=live) as server, httpx.Client(base_url=server.url) as client:
        answer = partial(client.post, "/measure", json={"height": 9})
        assert answer().json()["version"] == 2
        with somebody_writes(live.record):
            releases.state.request_release(1, "direct", "test")
            assert eventually(lambda: answer().json()["version"] == 1)
        assert eventually(lambda: releases.statuses()[-1] == "serving")


def test_a_rollback_does_not_wait_for_what_is_done_beside_the_traffic(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    releases, over = Releases(packages["linear"], packages["shifted"]), threading.Event()
    run = Gateway.run

    async def beside(gateway: Gateway) -> None:
        waiting_ones = [asyncio.ensure_future(asyncio.to_thread(over.wait, 60)) for _ in range(BUSY)]
        try:
            await run(gateway)
        finally:
            over.set()
            await asyncio.gather(*waiting_ones)

    monkeypatch.setattr(Gateway, "run", beside)
    with running(releases) as server, httpx.Client(base_url=server.url) as client:
        releases.state.request_release(1, "direct", "test")
        assert eventually(lambda: client.post("/measure", json={"height": 9}).json()["version"] == 1)
        over.set()
