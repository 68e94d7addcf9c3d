"""What `POST /{function}` may ask of a function that writes: the options of a caller, beside the inputs of a row."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_writing
from in_process import say
from tiny_serving import Releases, running

import modelwright
from modelwright.core.messages import RequestError
from modelwright.gateway.server import Server

ASKED = "How much is one and one?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("options")
    with running(
        Releases(tiny_writing.reply(folder / "package")), function="reply", limits={"queue": 20}
    ) as server:
        yield server


def ask(server: Server, body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/reply", json=body, timeout=60)


def answer(server: Server, **options: Any) -> dict[str, Any]:
    response = ask(server, {"message": ASKED, **options})
    assert response.status_code == 200, response.text
    return dict(response.json()["outputs"]["answer"])


def test_options_stand_beside_the_inputs(server: Server) -> None:
    usual = answer(server)
    assert usual["details"]["tokens"] == 16
    short = answer(server, max_tokens=3, temperature=None)
    assert (short["details"]["tokens"], short["details"]["finish"]) == (3, "length")
    assert usual["value"].startswith(short["value"])
    stop = next(one for one in usual["value"][1:] if one.isascii() and one.isprintable())
    assert answer(server, stop=[stop])["value"] == usual["value"].partition(stop)[0]
    drawn = [answer(server, temperature=3.0, top_p=0.9, seed=seed)["value"] for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert len(answer(server, logprobs=2, max_tokens=2)["details"]["logprobs"]) == 2


def test_parts_have_the_log_probabilities_of_their_own_tokens(server: Server) -> None:
    rows = [{"message": text, "logprobs": 3} for text in (ASKED, "One?")]
    headers = {"accept": "text/event-stream"}
    for body in (rows[0], rows):
        response = httpx.post(f"{server.url}/reply", json=body, headers=headers, timeout=60)
        found = [one.split("\ndata: ") for one in response.text.split("\n\n") if one]
        parts: dict[str, list[Any]] = {}
        for name, data in found[:-1]:
            assert name == "event: part"
            part = json.loads(data)
            details = part["outputs"]["answer"]["details"]
            parts.setdefault(part["id"], []).extend(details["logprobs"])
            assert len(parts[part["id"]]) == details["tokens"]
        (name, data) = found[-1]
        assert name == "event: end"
        end = json.loads(data)
        for whole in end if isinstance(end, list) else [end]:
            assert parts[whole["id"]] == whole["outputs"]["answer"]["details"]["logprobs"]


def test_none_and_a_billion_tokens(server: Server) -> None:
    none = answer(server, max_tokens=0)
    assert (none["value"], none["details"]["tokens"], none["details"]["finish"]) == ("", 0, "length")
    many = answer(server, max_tokens=10**9, seed=-(2**63))
    context = 240
    assert many["details"]["tokens"] <= context - many["details"]["prompt_tokens"]
    assert many["details"]["finish"] in {"stop", "length"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_tokens", -1),
        ("max_tokens", "5"),
        ("max_tokens", True),
        ("max_tokens", 1.5),
        ("temperature", -0.1),
        ("temperature", [1]),
        ("top_p", 0),
        ("top_p", 1.01),
        ("min_p", 2),
        ("top_k", -1),
        ("repetition_penalty", 0),
        ("seed", 2**64),
        ("seed", [1, 2]),
        ("stop", ""),
        ("stop", ["a"] * 17),
        ("stop", "x" * 1001),
        ("logprobs", 21),
        ("max_time_s", 0),
        ("stream", "yes"),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(server: Server, option: str, value: object) -> None:
    response = ask(server, {"message": ASKED, option: value})
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["id"] == "request.option"
    assert f"`{option}`" in error["found"]


def test_an_option_that_there_is_not_is_an_unknown_input(server: Server) -> None:
    error = ask(server, {"message": ASKED, "max_token": 3}).json()["error"]
    assert error["id"] == "request.unknown-input"
    assert "max_token" in error["found"]


def test_the_rows_of_a_list_ask_the_same_but_for_their_seeds(server: Server) -> None:
    alone = answer(server, temperature=3.0, max_tokens=5, seed=7)["value"]
    shared = {"message": ASKED, "temperature": 3.0, "max_tokens": 5}
    response = ask(server, [{**shared, "seed": seed} for seed in (8, 7)])
    assert [one["outputs"]["answer"]["value"] for one in response.json()][1] == alone
    assert len(ask(server, [shared, {**shared, "seed": 7}]).json()) == 2
    refused = ask(server, [shared, {**shared, "max_tokens": 6}])
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert (error["id"], "item 1" in error["found"], "`max_tokens`" in error["found"]) == (
        "request.options-differ", True, True,
    )  # fmt: skip


def test_the_description_names_them(server: Server) -> None:
    row = httpx.get(f"{server.url}/openapi.json").json()["components"]["schemas"]["Row"]
    assert {"message", "max_tokens", "temperature", "top_p", "stop", "seed"} <= row["properties"].keys()
    assert row["required"] == ["message"]


def test_the_python_client_asks_with_options(server: Server) -> None:
    with modelwright.connect(server.url) as client:
        short = client.reply.asking(max_tokens=3)
        assert short(ASKED).outputs["answer"].details["tokens"] == 3
        assert client.reply(message=ASKED, max_tokens=2).outputs["answer"].details["tokens"] == 2
        assert [one.outputs["answer"].details["tokens"] for one in short.predict([{"message": "a"}] * 2)] == [
            3,
            3,
        ]
        *_, (place, last) = short.asking(temperature=2.0).within(30).stream([{"message": ASKED}])
        assert (place, last.outputs["answer"].details["finish"]) == (0, "length")
        with pytest.raises(RequestError) as refused:
            client.reply.asking(top_p=2)(ASKED)
        assert "`top_p`" in str(refused.value)

    async def ask_async() -> int:
        async with modelwright.connect(server.url, asynchronous=True) as client:
            found = await client.reply.asking(max_tokens=4)(ASKED)
            return int(found.outputs["answer"].details["tokens"])

    assert asyncio.run(ask_async()) == 4


def test_it_is_talked_with_in_the_terminal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["chat", "--url", server.url, "--option", "max_tokens=5"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ASKED}\n{ASKED}\n"))
    done = say(tmp_path, *words, "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["answer"] for one in found] == [answer(server, max_tokens=5)["value"]] * 2, "each by itself"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ASKED}\n"))
    wrong = say(tmp_path, *words, "--option", "top_p=2")
    assert (wrong.returncode, "`top_p`" in wrong.stderr) == (1, True)
    assert "did you mean `reply`" in say(tmp_path, *words, "--function", "replys").stderr


def test_of_many_streams_at_once_those_that_find_room_are_answered_and_the_others_refused(
    server: Server,
) -> None:
    async def stream(client: httpx.AsyncClient, seed: int) -> tuple[int, str]:
        body = {"model": "reply", "prompt": ASKED, "stream": True, "max_tokens": 8, "seed": seed}
        response = await client.post(f"{server.url}/v1/completions", json=body)
        *_, last = (line for line in response.text.splitlines() if line)
        return response.status_code, last

    async def all_at_once() -> list[tuple[int, str]]:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=200)) as client:
            return await asyncio.gather(*(stream(client, seed) for seed in range(200)))

    found = asyncio.run(all_at_once())
    answered = [last for status, last in found if status == 200]
    assert len(answered) >= 20, "the room is for 20"
    assert set(answered) == {"data: [DONE]"}
    refused = [json.loads(last)["error"]["code"] for status, last in found if status == 429]
    assert len(answered) + len(refused) == 200
    assert set(refused) == {"rate_limit_exceeded"}
    assert server.gateway.rows_under_way == 0


def test_every_stream_of_a_worker_that_is_killed_ends_with_an_error_and_none_hangs(server: Server) -> None:
    shared = {"max_tokens": 200, "temperature": 2.0}
    protocol = {**shared, "model": "reply", "prompt": ASKED, "stream": True, "n": 5}
    rows = [{**shared, "message": ASKED, "seed": seed} for seed in range(5)]

    async def last_line(client: httpx.AsyncClient, path: str, body: Any, begun: asyncio.Semaphore) -> str:
        headers = {"accept": "text/event-stream"}
        async with client.stream("POST", f"{server.url}{path}", json=body, headers=headers) as response:
            line = ""
            async for one in response.aiter_lines():
                if not line:
                    begun.release()
                line = one or line
            return line

    async def killed() -> list[str]:
        begun = asyncio.Semaphore(0)
        asked = [("/v1/completions", protocol), ("/reply", rows)] * 2
        async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(last_line(client, *one, begun)) for one in asked]
            for _ in tasks:
                await begun.acquire()
            assert server.gateway.current is not None
            server.gateway.current.worker.process.kill()
        return [task.result() for task in tasks]

    errors = [json.loads(line.removeprefix("data: "))["error"] for line in asyncio.run(killed())]
    assert [one.get("code") or one["id"] for one in errors] == ["serve.unavailable"] * 4
    assert server.gateway.rows_under_way == 0
