"""A function on a real gateway, called from elsewhere: the same answers, and what goes wrong said in its words."""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_serving import Releases, running

import modelwright
from modelwright.client.async_client import AsyncClient
from modelwright.client.client import Client
from modelwright.client.event_reader import EventReader
from modelwright.client.wire_rows import portions
from modelwright.core.messages import ProjectError, RequestError
from modelwright.gateway.server import Server

KEY = "k" * 32


@pytest.fixture(scope="module")
def asking(linear: Server) -> Iterator[Client]:
    with modelwright.connect(linear.url) as client:
        yield client


@pytest.fixture(scope="module")
def table(packages: dict[str, Path]) -> Iterator[Client]:
    keys = {"environment": {"MODELWRIGHT_API_KEY": KEY}, "keys": {"docs": "closed"}}
    with (
        running(Releases(packages["table"]), **keys) as server,
        modelwright.connect(server.url, KEY) as client,
    ):
        yield client


def problem(error: pytest.ExceptionInfo[modelwright.ModelwrightError]) -> str:
    return error.value.problems[0].id


def test_an_answer_is_that_of_the_package(asking: Client, packages: dict[str, Path]) -> None:
    here = modelwright.load(packages["linear"])
    there = asking.measure(9.0, width=4)
    assert there == here(9.0, width=4)
    assert (there.size, there.confidence) == (here(9.0, width=4).size, here(9.0, width=4).confidence)
    assert there.id
    assert there.version == 1
    assert asking.measure.signature == here.signature
    assert asking.functions() == ("measure",)
    assert asking["measure"](height=9.0) == here(height=9.0)


def test_many_rows_are_several_requests(linear: Server, packages: dict[str, Path]) -> None:
    rows = [{"height": float(h), "width": None if h % 2 else 4} for h in range(50)]
    with modelwright.connect(linear.url, rows=7) as client:
        answers = client.measure.predict(rows, probabilities=True)
        assert client.measure.predict([]) == []
    assert answers == modelwright.load(packages["linear"]).predict(rows, probabilities=True)
    assert len({one.id for one in answers}) == 50


def test_a_data_frame_is_rows(asking: Client, packages: dict[str, Path]) -> None:
    import polars as pl

    frame = pl.DataFrame({"height": [9.0, 11.0], "other": ["a", "b"], "width": [None, float("nan")]})
    here = modelwright.load(packages["linear"]).predict([{"height": 9.0}, {"height": 11.0}])
    assert asking.measure.predict(frame) == here


def test_a_stream_has_each_row_once(asking: Client, packages: dict[str, Path]) -> None:
    rows = [{"height": float(h)} for h in range(8, 13)]
    found = dict(asking.measure.stream(rows))
    assert [found[place] for place in range(5)] == modelwright.load(packages["linear"]).predict(rows)


def test_the_asynchronous_client_answers_the_same(linear: Server, asking: Client) -> None:
    rows = [{"height": float(h)} for h in range(8, 13)]

    async def ask() -> tuple[object, ...]:
        async with modelwright.connect(linear.url, asynchronous=True) as client:
            assert isinstance(client, AsyncClient)
            at_once = await asyncio.gather(*(client.measure(**row) for row in rows))
            streamed = {place: one async for place, one in client.measure.within(5).stream(rows)}
            with pytest.raises(RequestError):
                await client.measure("tall")
            return (
                at_once,
                await client.measure.predict(rows),
                [streamed[place] for place in range(5)],
                await client.functions(),
                await client.measure.signature(),
            )

    expected = asking.measure.predict(rows)
    assert asyncio.run(ask()) == (expected, expected, expected, ("measure",), asking.measure.signature)


def test_values_that_json_has_no_form_for_are_written_as_their_kinds_do(table: Client) -> None:
    row = {"colour": "red", "height": 9.5, "marks": {"7", "urgent"}, "sent": datetime.date(2024, 2, 29)}
    answer = table.measure.predict([row])[0]
    assert answer == table.measure.predict([{**row, "marks": ["7", "urgent"], "sent": "2024-02-29"}])[0]
    assert table.measure("blue", 9.0).unseen == ("colour",)


def test_what_the_server_refuses_is_said_in_its_words(asking: Client) -> None:
    with pytest.raises(RequestError, match=r"422, request\.wrong-value: `height` is .*tall") as error:
        asking.measure("tall")
    assert (problem(error), error.value.status) == ("client.refused", 422)
    assert "next: " not in str(error.value)
    with pytest.raises(RequestError) as error:
        asking.measure(1.0, 2.0, 3.0)
    assert problem(error) == "request.too-many-inputs"
    with pytest.raises(ProjectError, match="`measure`") as refused:
        asking.measures(9.0)
    assert problem(refused) == "client.no-function"
    with pytest.raises(RequestError, match="item 1"):
        list(asking.measure.stream([{"height": 1.0}, {"height": "x"}]))


@pytest.mark.parametrize("key", [None, "another"])
def test_a_wrong_key_is_refused(table: Client, key: str | None) -> None:
    with modelwright.connect(str(table._server.url), key) as client, pytest.raises(RequestError) as error:
        client.measure("red", 9.5)
    assert error.value.status == 401


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "127.0.0.1:8080", "http://", "http://x/?a=1", "http://[::1", "file:///etc/passwd"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ProjectError) as error:
        modelwright.connect(url)
    assert problem(error) == "client.bad-url"


def test_options_that_are_none(tmp_path: Path) -> None:
    for options in ({"timeout_s": 0}, {"timeout_s": float("nan")}, {"tries": 0}, {"rows": 0}):
        with pytest.raises(ProjectError) as error:
            modelwright.connect("http://127.0.0.1", **options)
        assert problem(error) == "client.bad-option"
    with pytest.raises(ProjectError) as error:
        modelwright.connect("https://127.0.0.1", certificate=tmp_path / "none.pem")
    assert problem(error) == "client.bad-certificate"


def test_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        with (
            modelwright.connect(f"http://127.0.0.1:{taken.getsockname()[1]}", tries=2) as client,
            pytest.raises(ProjectError, match="2 times") as error,
        ):
            client.route("x")
    assert problem(error) == "client.unreached"
    assert "try 2 of 2" in caplog.text


def test_a_version_that_is_being_loaded_is_waited_for(
    packages: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with running(Releases(packages["linear"]), wait=False) as server:
        with (
            modelwright.connect(server.url, tries=60, timeout_s=60) as client,
            caplog.at_level(logging.WARNING),
        ):
            assert client.measure(9.0).size
        assert "503, Retry-After: 1" in caplog.text


def test_a_deadline_goes_with_the_call(packages: dict[str, Path]) -> None:
    with running(Releases(packages["slow"])) as server, modelwright.connect(server.url) as client:
        assert client.measure(1.0).size  # what it serves is known by then
        with pytest.raises(ProjectError, match=r"504, serve\.timeout"):
            client.measure.within(0.05)(4_000.0)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>", "client.no-gateway"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", "client.no-gateway"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://x/\r\ncontent-length: 0\r\n\r\n", "client.no-gateway"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "client.no-gateway"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", "client.unreached"),
        (b"nothing of HTTP", "client.unreached"),
    ],
)
def test_what_answers_is_no_gateway(answer: bytes, code: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        port = listener.getsockname()[1]
        with (
            modelwright.connect(f"http://127.0.0.1:{port}", tries=1) as client,
            pytest.raises(ProjectError) as error,
        ):
            client.route("x")
        thread.join(10)
    assert problem(error) == code


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            modelwright.connect(f"http://127.0.0.1:{port}", timeout_s=0.05) as client,
            pytest.raises(ProjectError) as error,
        ):
            client.route("x")
    assert problem(error) == "client.timeout"


def test_feedback_needs_an_id(asking: Client, packages: dict[str, Path]) -> None:
    with pytest.raises(ProjectError) as error:
        asking.feedback(modelwright.load(packages["linear"])(9.0), size="small")
    assert problem(error) == "client.no-id"


def test_events_come_in_any_pieces() -> None:
    text = b"event: part\ndata: {}\n\n: nothing\nevent: end\ndata: []\n\n"
    for size in range(1, len(text) + 1):
        reader = EventReader()
        found = [e for begin in range(0, len(text), size) for e in reader.events(text[begin : begin + size])]
        assert found == [("part", b"{}"), ("end", b"[]")]


def test_portions_are_bounded_in_rows_and_bytes() -> None:
    assert [len(one) for one in portions([b"x"] * 7, 3)] == [3, 3, 1]
    assert [len(one) for one in portions([b"x" * 400_000] * 5, 256)] == [2, 2, 1]
    assert [len(one) for one in portions([b"x" * 4_000_000, b"x"], 256)] == [1, 1]
    assert list(portions([], 3)) == []


def test_a_client_needs_neither_a_runtime_nor_a_learner() -> None:
    code = (
        "import sys, modelwright; modelwright.connect('http://127.0.0.1:1');"
        "print([m for m in 'onnxruntime torch polars sqlalchemy pydantic starlette'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
