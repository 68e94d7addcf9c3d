"""Answers in parts: they come through worker, gateway and HTTP one by one, before the last is made."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny_serving import Releases, linear_body, running, sealed

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.server import Live, Server
from modelwright.gateway.traffic.passes import in_passes
from modelwright.runtime.worker.channel import Reply, Worker, start
from modelwright.storage.traffic.record import LiveRecord

EVENTS = {"accept": "text/event-stream"}
PARTS = ["small", "medium", "large"]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the folder whose files let the parts of `spelling` come; the first comes at once."""
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "0").touch()
    return folder


@pytest.fixture
def spelling(spell: str, gate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a package whose driver, of another distribution, answers in three parts."""
    # a worker reads its package and where modules lie, and nothing else
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(gate)]))
    body = replace(linear_body(), driver=spell, graphs={}, settings={"gate": str(gate)})
    return sealed(body, tmp_path / "spelling")


def value_of(answer: list) -> str:
    """Return the value of a row's only output."""
    return answer[0][0]


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Yield name and data of each event as it comes."""
    name = ""
    with closing(response.iter_lines()) as lines:
        for line in lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def eventually(capture: pytest.CaptureFixture[str], said: str) -> bool:
    """Wait until a worker says something on stderr."""
    deadline, heard = time.monotonic() + 30, ""
    while said not in heard and time.monotonic() < deadline:
        time.sleep(0.005)
        heard += capture.readouterr().err
    return said in heard


def test_a_worker_sends_each_part_before_the_next_is_made_and_keeps_none_for_who_reads_slowly(
    spelling: Path, gate: Path
) -> None:
    async def read_slowly(worker: Worker) -> None:
        (gate / "1").unlink()
        parts = worker.parts([[9.0, None]], timeout_s=60)
        first = await anext(parts)
        assert not isinstance(first, Reply)
        (gate / "1").touch()
        await worker.drain(60)  # the answer is whole, and no more of it was read
        second = await anext(parts)
        assert not isinstance(second, Reply)
        assert [value_of(first[0]), value_of(second[0])] == ["small", "large"], "the newest stands for all"
        assert isinstance(await anext(parts), Reply)

    async def ask() -> tuple[list[str], Reply]:
        worker = await start(spelling, threads=None, max_batch=4, max_wait_s=0.0, timeout_s=60)
        assert worker.streams
        seen: list[str] = []
        try:
            async for part in worker.parts([[9.0, None]], timeout_s=60):
                if isinstance(part, Reply):
                    await read_slowly(worker)
                    return seen, part
                seen.append(value_of(part[0]))
                (gate / str(len(seen))).touch()  # only now can the next one be made
        finally:
            await worker.close()
        raise AssertionError("no end")

    seen, reply = asyncio.run(ask())
    assert seen == PARTS
    assert reply.answers is not None
    assert [value_of(row) for row in reply.answers] == ["large"]
    assert reply.batch_rows == 1
    assert reply.inference_s > 0


def test_events_come_one_by_one_and_the_end_is_the_whole_answer(
    spelling: Path, gate: Path, tmp_path: Path
) -> None:
    live = Live(tmp_path / "live.db")
    seen = []
    with (
        running(Releases(spelling), live=live) as server,
        httpx.stream(
            "POST", f"{server.url}/measure", json={"height": 9}, headers=EVENTS, timeout=60
        ) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        for name, data in events(response):
            seen.append((name, data["outputs"]["size"]["value"]))
            assert data["id"] == response.headers["x-request-id"]
            (gate / str(len(seen))).touch()
    assert seen == [("part", "small"), ("part", "medium"), ("part", "large"), ("end", "large")]
    (row,) = LiveRecord.open(live.record).rows(0)  # once, as a whole
    assert (row.code, row.outputs["size"]["value"]) == (200, "large")


def test_rows_of_a_list_are_told_apart_and_a_plain_request_gets_the_whole(spelling: Path, gate: Path) -> None:
    for place in range(3):
        (gate / str(place)).touch()
    rows = [{"height": 1}, {"height": 2}]
    with running(Releases(spelling)) as server:
        plain = httpx.post(f"{server.url}/measure", json=rows, timeout=60).json()
        assert [one["outputs"]["size"]["value"] for one in plain] == ["large", "large"]
        with httpx.stream(
            "POST", f"{server.url}/measure", json=rows, headers=EVENTS | {"x-request-id": "x"}, timeout=60
        ) as response:
            found = list(events(response))
        assert found[-1][0] == "end"
        assert [one["id"] for one in found[-1][1]] == ["x.0", "x.1"]
        assert {data["id"] for name, data in found if name == "part"} == {"x.0", "x.1"}
        assert _settled(server)


def _settled(server: Server) -> bool:
    deadline = time.monotonic() + 30
    while server.gateway.rows_under_way and time.monotonic() < deadline:
        time.sleep(0.005)
    return server.gateway.rows_under_way == 0


def test_a_client_that_leaves_ends_the_work(
    spelling: Path, gate: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(Releases(spelling)) as server:
        with httpx.stream(
            "POST", f"{server.url}/measure", json={"height": 9}, headers=EVENTS, timeout=60
        ) as response:
            assert next(events(response))[1]["outputs"]["size"]["value"] == "small"
        assert _settled(server)  # the gateway has noticed
        assert "closed" not in capfd.readouterr().err
        (gate / "1").touch()  # the worker makes one more part, and then sees that nobody waits
        assert eventually(capfd, "closed")
        (gate / "2").touch()
        assert httpx.post(f"{server.url}/measure", json={"height": 1}, timeout=60).is_success


def test_a_failure_in_the_middle_is_the_last_event(spelling: Path, gate: Path) -> None:
    with running(Releases(spelling)) as server:
        with httpx.stream(
            "POST", f"{server.url}/measure", json={"height": 101}, headers=EVENTS, timeout=60
        ) as response:
            found = list(events(response))
        assert [name for name, _ in found] == ["part", "error"]
        assert found[-1][1]["error"]["id"] == "serve.body-failed"
        for place in range(3):
            (gate / str(place)).touch()
        assert httpx.post(f"{server.url}/measure", json={"height": 101}, timeout=60).status_code == 500
        assert httpx.post(f"{server.url}/measure", json={"height": 1}, timeout=60).is_success


def test_an_answer_that_outlasts_the_server_ends_with_an_error(spelling: Path) -> None:
    with running(Releases(spelling), drain_s=1.0) as server:
        asked = {"url": f"{server.url}/measure", "json": {"height": 9}, "timeout": 60}
        with httpx.stream("POST", **asked, headers=EVENTS) as response, ThreadPoolExecutor(1) as pool:
            found = events(response)
            assert next(found)[0] == "part"
            whole = pool.submit(httpx.post, **asked)
            deadline = time.monotonic() + 30
            while server.gateway.rows_under_way < 2 and time.monotonic() < deadline:
                time.sleep(0.005)
            server.stop()
            ((name, last),) = found
            assert (name, last["error"]["id"]) == ("error", "serve.ending")
            assert (whole.result().status_code, whole.result().json()["error"]["id"]) == (503, "serve.ending")


def test_a_function_that_answers_once_has_an_end_as_well(linear: Server) -> None:
    with httpx.stream("POST", f"{linear.url}/measure", json={"height": 9}, headers=EVENTS) as response:
        (end,) = events(response)
    plain = httpx.post(f"{linear.url}/measure", json={"height": 9}).json()
    assert end[0] == "end"
    assert end[1]["outputs"] == plain["outputs"]


def test_a_list_of_a_function_that_answers_once_comes_pass_by_pass(packages: dict[str, Path]) -> None:
    rows = [{"height": one} for one in range(10)]
    with running(Releases(packages["linear"]), batching={"rows": 4}) as server:
        for query in ("", "?probabilities=true"):
            url = f"{server.url}/measure{query}"
            plain = httpx.post(url, json=rows).json()
            with httpx.stream(
                "POST", url, json=rows, headers=EVENTS | {"x-request-id": "x"}, timeout=60
            ) as response:
                found = list(events(response))
            assert [name for name, _ in found] == ["part"] * 10 + ["end"]
            outputs = [one["outputs"] for one in plain]
            assert [data["outputs"] for _, data in found[:-1]] == outputs
            assert [one["outputs"] for one in found[-1][1]] == outputs
            assert [data["id"] for _, data in found[:-1]] == [f"x.{place}" for place in range(10)]
            assert ("probabilities" in outputs[0]["size"]) == bool(query)
        assert _settled(server)


def test_passes_come_in_order_and_say_which_row_is_wrong() -> None:
    """The rows of a later pass have their place in the whole list, whether asked alone or with others."""

    async def ask(rows: Sequence[Sequence[object]]) -> Reply:
        wrong = [place for place, (one,) in enumerate(rows) if one == "wrong"]
        if wrong:
            where = f"item {wrong[0]}" if len(rows) > 1 else None
            raise RequestError([Problem("request.unseen-value", where=where, names=["a"])], 422)
        unseen = [[place, ["a"]] for place, (one,) in enumerate(rows) if one == "new"]
        return Reply([[[one, 0.5]] for (one,) in rows], 1.0, 1.0, len(rows), unseen)

    async def taken(*values: str) -> list[Any]:
        return [one async for one in in_passes(ask, [[one] for one in values], 2)]

    *parts, whole = asyncio.run(taken("a", "b", "c", "new", "e"))
    assert [sorted(one) for one in parts] == [
        [0, 1],
        [2],
        [4],
    ]  # what training never showed is marked in the end
    assert [row[0][0] for row in whole.answers] == ["a", "b", "c", "new", "e"]
    assert (whole.unseen, whole.batch_rows, whole.inference_s) == ([[3, ["a"]]], 2, 3.0)
    for values, place in ((("a", "b", "c", "wrong"), 3), (("a", "b", "wrong"), 2)):
        with pytest.raises(RequestError) as raised:
            asyncio.run(taken(*values))
        assert [one.where for one in raised.value.problems] == [f"item {place}"]


def test_what_is_refused_is_no_stream(linear: Server) -> None:
    response = httpx.post(f"{linear.url}/measure", json={}, headers=EVENTS)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/json")
