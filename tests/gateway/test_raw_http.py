"""Clients that break the rules of HTTP, stall, or leave: none of them harms another."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from raw_http import GOOD, answer, closed, connected, eventually, head, in_flight, still_answers
from tiny_serving import Releases, running

from modelwright.gateway.server import Live, Server


@pytest.fixture(scope="module")
def server(packages: dict[str, Path]) -> Iterator[Server]:
    """Run a server with short patience and small bounds."""
    with running(Releases(packages["linear"]), limits={"body_timeout_s": 0.5, "body": 100_000}) as server:
        yield server


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: -1",),
        ("content-length: abc",),
        ("content-length: 5", "content-length: 6"),
        ("content-length: 13", "transfer-encoding: chunked"),
        ("transfer-encoding: gzip",),
        ("bad header line",),
        ("a\x00b: c",),
        ("content-length: 99999999999999999999999999",),
    ],
)
def test_headers_that_contradict_are_refused(server: Server, lines: tuple[str, ...]) -> None:
    with connected(server) as connection:
        connection.sendall(head(*lines) + GOOD)
        status, body = answer(connection)
    assert status in {400, 408, 413, 501}  # 408: a chunk's length that does not end
    assert body["error"]["id"].startswith("request.")
    assert still_answers(server)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n", b"\r\n\r\n\x00" * 3])
def test_what_is_no_http_is_400(server: Server, data: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(data + b"\r\n\r\n")
        status, body = answer(connection)
        assert (status, body["error"]["id"]) == (400, "request.not-http")
        assert closed(connection)
    assert still_answers(server)


def test_huge_headers_are_refused(server: Server) -> None:
    with connected(server) as connection:
        try:
            connection.sendall(head(f"x-big: {'a' * 2_000_000}"))
            status, body = answer(connection)
            assert (status, body["error"]["id"]) == (400, "request.not-http")
        except ConnectionError:
            pass  # closed while we were still sending: just as good
    assert still_answers(server)


def test_a_length_that_promises_too_much_is_408(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head("content-length: 5000") + GOOD)
        status, body = answer(connection)
    assert (status, body["error"]["id"]) == (408, "request.too-slow")
    assert still_answers(server)


def test_a_length_that_promises_too_little_cuts_the_body(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head("content-length: 5") + GOOD)
        status, body = answer(connection)
    assert status == 400  # for the body, or for what follows it, whichever is read first
    assert body["error"]["id"] in {"request.not-json", "request.not-http"}
    assert still_answers(server)


def test_a_length_that_is_too_large_is_413_before_the_body_is_sent(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head("content-length: 100001"))
        status, body = answer(connection)
    assert (status, body["error"]["id"]) == (413, "request.too-large")


def test_a_body_without_a_length_is_counted(server: Server) -> None:
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    with connected(server) as connection:
        connection.sendall(head("transfer-encoding: chunked") + b"d\r\n" + GOOD + b"\r\n0\r\n\r\n")
        assert answer(connection)[0] == 200
        connection.sendall(head("transfer-encoding: chunked") + chunk * 11)
        status, body = answer(connection)
    assert (status, body["error"]["id"]) == (413, "request.too-large")
    assert still_answers(server)


def test_a_large_body_gets_its_413_although_it_is_still_being_sent(server: Server) -> None:
    for _ in range(5):
        response = httpx.post(
            f"{server.url}/measure", content=b" " * 20_000_000, headers={"content-type": "application/json"}
        )
        assert response.status_code == 413


def test_no_body_at_all(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head())
        status, body = answer(connection)
    assert (status, body["error"]["id"]) == (400, "request.not-json")


def test_a_body_in_single_bytes(server: Server) -> None:
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(f"content-length: {len(GOOD)}") + GOOD:
            connection.sendall(bytes([byte]))
        assert answer(connection)[0] == 200


def test_requests_in_one_go_are_answered_in_order(server: Server) -> None:
    with connected(server) as connection:
        for height in (1, 9, 15):
            data = json.dumps({"height": height}).encode()
            connection.sendall(head(f"content-length: {len(data)}", f"x-request-id: r{height}") + data)
            assert answer(connection)[1]["id"] == f"r{height}"
        one = head(f"content-length: {len(GOOD)}", "x-request-id: first") + GOOD
        two = head(f"content-length: {len(GOOD)}", "x-request-id: second") + GOOD
        connection.sendall(one + two)
        data = b""
        while data.count(b'"version"') < 2:
            data += connection.recv(65536)
        assert data.index(b'"id":"first"') < data.index(b'"id":"second"')


def test_half_a_head_is_not_waited_for(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"POST /measure HTTP/1.1\r\nhost: localhost\r\n")
        assert still_answers(server)
        assert closed(connection)  # after two rounds of body_timeout_s


def test_a_client_that_never_takes_the_end_of_its_answer_is_not_waited_for(packages: dict[str, Path]) -> None:
    body = json.dumps([{"height": 9}] * 500).encode()
    with running(Releases(packages["linear"]), limits={"body_timeout_s": 0.3}) as server:
        server._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # its connections have it, too
        host, port = server.url.removeprefix("http://").split(":")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            connection.sendall(head(f"content-length: {len(body)}", "connection: close") + body)
            states = server._uvicorn.server_state.connections

            def unsent() -> list[int]:
                ending = [one.transport for one in list(states) if one.transport.is_closing()]
                return [one.get_write_buffer_size() for one in ending]

            assert eventually(lambda: any(unsent()))
            assert max(unsent(), default=0) < 65536, "less than what stops a writer: the answer is whole"
            assert eventually(lambda: not states)


def test_bytes_of_all_requests_under_way_are_bounded(packages: dict[str, Path], tmp_path: Path) -> None:
    """One that is alone is answered whatever it sends; another beside it is told to come again."""
    limits = {"body_timeout_s": 20, "body": 100_000, "under_way": 10_000}
    large = b" " * 20_000 + GOOD
    live = Live(tmp_path / "live.db")
    with running(Releases(packages["linear"]), limits=limits, live=live) as server:
        with connected(server) as first:
            first.sendall(head(f"content-length: {len(large)}") + large[:-1])
            assert eventually(lambda: in_flight(server) == 1)

            def refused() -> bool:
                with connected(server) as second:
                    second.sendall(head(f"content-length: {len(GOOD)}") + GOOD)
                    status, body = answer(second)
                return (status, body.get("error", {}).get("id")) == (503, "serve.too-many-bytes")

            assert eventually(refused)
            truth = httpx.post(f"{server.url}/feedback", json={"id": "x", "size": "small"})
            assert (truth.status_code, truth.json()["error"]["id"]) == (503, "serve.too-many-bytes")
            assert int(truth.headers["retry-after"]) >= 1
            first.sendall(large[-1:])
            assert answer(first)[0] == 200
        assert still_answers(server)
        with connected(server) as leaving:
            leaving.sendall(head(f"content-length: {len(large)}") + large[:-1])
            assert eventually(refused)
        assert eventually(lambda: in_flight(server) == 0)
        assert still_answers(server)


def test_clients_that_leave_early_leave_nothing_behind(server: Server) -> None:
    for data in (
        b"", b"POST", head("content-length: 13"), head("content-length: 13") + GOOD[:5],
        head("content-length: 13") + GOOD, head("transfer-encoding: chunked") + b"d\r\n",
    ):  # fmt: skip
        for _ in range(5):
            with connected(server) as connection:
                connection.sendall(data)
    assert eventually(lambda: in_flight(server) == 0)
    assert still_answers(server)


def test_work_that_nobody_waits_for_is_dropped(packages: dict[str, Path]) -> None:
    slow, quick = json.dumps({"rounds": 600}).encode(), json.dumps({"rounds": 1}).encode()
    with running(Releases(packages["slow"]), batching={"rows": 1}) as server:
        leaving = []
        for _ in range(20):
            context = connected(server)
            connection = context.__enter__()
            connection.sendall(head(f"content-length: {len(slow)}") + slow)
            leaving.append(context)
        assert eventually(lambda: in_flight(server) == 20)
        for context in leaving:
            context.__exit__(None, None, None)
        begun = time.monotonic()
        response = httpx.post(
            f"{server.url}/measure", content=quick, headers={"content-type": "application/json"}, timeout=60
        )
        took = time.monotonic() - begun
        assert response.is_success
        assert eventually(lambda: in_flight(server) == 0)
        # all twenty would take far longer than the one or two that had begun
        alone = httpx.post(
            f"{server.url}/measure", content=slow, headers={"content-type": "application/json"}, timeout=60
        )
        assert alone.is_success
        assert took < 10 * alone.elapsed.total_seconds()
        assert server.gateway.rows_under_way == 0


def test_headers_that_never_end_are_cut(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"POST /measure HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(200):
                connection.sendall(f"x-{number}: {'a' * 1000}\r\n".encode())
        assert closed(connection)
    assert still_answers(server)


def test_many_idle_connections_do_not_keep_others_out(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(server))
        assert still_answers(server)


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "anything"])
def test_an_upgrade_is_refused_and_its_body_is_no_second_request(server: Server, protocol: str) -> None:
    smuggled = b"GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with connected(server) as connection:
        lines = ("connection: upgrade", f"upgrade: {protocol}", f"content-length: {len(smuggled)}")
        connection.sendall(head(*lines))
        assert answer(connection)[0] == 400
        with contextlib.suppress(OSError):
            connection.sendall(smuggled)
        assert closed(connection)


OFFER = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAAAAIAAAAA")
LENGTH = f"content-length: {len(GOOD)}"


@pytest.mark.parametrize("at", range(0, 300, 7))
@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_offer_of_http_2_is_passed_over_as_the_clients_of_java_expect(
    server: Server, is_chunked: bool, at: int
) -> None:
    """`java.net.http`, which Spring and LangChain4j ask with, brings it with the first request of a connection."""
    length = "transfer-encoding: chunked" if is_chunked else LENGTH
    sent = head(*OFFER, length) + (b"d\r\n" + GOOD + b"\r\n0\r\n\r\n" if is_chunked else GOOD)
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (sent[:at], sent[at:]):
            if piece:
                connection.sendall(piece)
        assert answer(connection)[0] == 200
        connection.sendall(head(LENGTH) + GOOD)
        assert answer(connection)[0] == 200, "the connection goes on"


def test_what_follows_an_offer_is_read_as_behind_any_other_request(server: Server) -> None:
    with connected(server) as connection:
        live = b"GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n"
        offer = "\r\n".join(OFFER).encode()
        sent = live + offer + b"\r\n\r\n" + head(*OFFER, LENGTH) + GOOD + live + b"connection: close\r\n\r\n"
        connection.sendall(sent)
        found = b"".join(iter(lambda: connection.recv(65536), b""))
    assert found.count(b"HTTP/1.1 200 OK") == 3
    assert found.count(b'"live":true') == 2


@pytest.mark.parametrize(
    "lines",
    [
        (*OFFER[:2], LENGTH),
        ("connection: upgrade", "upgrade: websocket", OFFER[2], LENGTH),
        (*OFFER, LENGTH, LENGTH),
        (*OFFER, LENGTH, "host: elsewhere"),
        (*OFFER, "transfer-encoding: gzip, chunked"),
    ],
)
def test_an_offer_hides_nothing_that_is_refused(server: Server, lines: tuple[str, ...]) -> None:
    with connected(server) as connection:
        connection.sendall(head(*lines) + GOOD)
        assert answer(connection)[0] == 400
        assert closed(connection)


def test_trailers_without_end_are_cut_off(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(head("transfer-encoding: chunked") + b"0\r\n")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 20_000_000:
                sent += connection.send(b"x: " + b"a" * 10_000 + b"\r\n")
        assert sent < 20_000_000, "the server reads on for ever"


def test_a_body_in_tiny_chunks_is_read(server: Server) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD + b" " * 20_000)
    with connected(server) as connection:
        connection.sendall(head("transfer-encoding: chunked") + chunks + b"0\r\n\r\n")
        assert answer(connection)[0] == 200
