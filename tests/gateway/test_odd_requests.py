"""Requests that a proxy could read otherwise than the gateway, and connections that would take all of it."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from raw_http import GOOD, answer, closed, connected, eventually, head, in_flight
from tiny_serving import Releases, running

from modelwright.gateway.http.protocol import MOST_HEADERS, MOST_PIPELINED
from modelwright.gateway.server import Server

CHUNKED = b"d\r\n" + GOOD + b"\r\n0\r\n\r\n"
LENGTH = f"content-length: {len(GOOD)}"


@pytest.fixture(scope="module")
def server(packages: dict[str, Path]) -> Iterator[Server]:
    """Run a server with a key, and with little patience."""
    environment = {"MODELWRIGHT_API_KEY": "k"}
    limits = {"body_timeout_s": 0.5}
    with running(Releases(packages["linear"]), limits=limits, environment=environment) as server:
        yield server


def asked(server: Server, data: bytes) -> tuple[int, dict]:
    """Return the status and the JSON of the answer to these bytes."""
    with connected(server) as connection:
        connection.sendall(data)
        return answer(connection)


def request(
    *lines: str,
    target: str = "/measure",
    method: str = "POST",
    version: str = "HTTP/1.1",
    body: bytes = GOOD,
    fixed: tuple[str, ...] = ("host: localhost", "authorization: Bearer k", "content-type: application/json"),
    ends: str = "\r\n",
) -> bytes:
    """Return a request; it lacks a length unless one of the lines gives it."""
    top = ends.join([f"{method} {target} {version}", *fixed, *lines])
    return (top + 2 * ends).encode("latin-1") + body


def with_host(*lines: str) -> tuple[str, ...]:
    """Return header lines in which `lines` stand in the place of the host."""
    return (*lines, "authorization: Bearer k", "content-type: application/json")


def chunked(body: bytes, *lines: str) -> bytes:
    """Return a request with a chunked body as it is given."""
    return request("transfer-encoding: chunked", *lines, body=body)


ODD: dict[str, bytes] = {
    "no host": request(LENGTH, fixed=with_host()),
    "two hosts": request(LENGTH, "host: localhost"),
    "a path as a host": request(LENGTH, fixed=with_host("host: localhost/admin/traffic?")),
    "a user in the host": request(LENGTH, fixed=with_host("host: a@localhost")),
    "another host in the target": request(LENGTH, target="http://elsewhere.example/measure"),
    "no host beside a whole address": request(LENGTH, target="http://localhost/measure", fixed=with_host()),
    "another scheme": request(LENGTH, target="ftp://localhost/measure"),
    "a fragment": request(LENGTH, target="/measure#x"),
    "no slash": request(LENGTH, target="measure"),
    "bytes in the target": request(LENGTH, target="/gr\xc3\xb6\xc3\x9fe"),
    "a port alone": request(method="CONNECT", target="localhost:80", body=b""),
    "HTTP/2 in one line": request(LENGTH, version="HTTP/2.0"),
    "HTTP/1.2": request(LENGTH, version="HTTP/1.2"),
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": request(LENGTH, method="FETCH"),
    "a small method": request(LENGTH, method="post"),
    "lines that end in LF": request(LENGTH, ends="\n"),
    "lines that end in CR": request(LENGTH, ends="\r"),
    "a folded header": request(LENGTH, "x-a: b\r\n  c"),
    "a folded length": request("content-length:\r\n 13"),
    "a blank before the colon": request("content-length : 13"),
    "a length with a sign": request("content-length: +13"),
    "a length twice in one": request("content-length: 13, 13"),
    "two lengths": request(LENGTH, LENGTH),
    "a length in base 16": request("content-length: 0x0d"),
    "a length and chunks": request(LENGTH, "transfer-encoding: chunked", body=CHUNKED),
    "chunks and a length": request("transfer-encoding: chunked", "content-length: 4", body=CHUNKED),
    "chunks in HTTP/1.0": request("transfer-encoding: chunked", version="HTTP/1.0", body=CHUNKED),
    **{
        f"transfer-encoding {coding!r}": request(f"transfer-encoding: {coding}", body=CHUNKED)
        for coding in ("gzip, chunked", "identity, chunked", "xchunked", "chunked, identity", "chunked;a",
                       "\x0bchunked", "")
    },
    "transfer-encoding twice": request("transfer-encoding: identity", "transfer-encoding: chunked", body=CHUNKED),
    "a chunk of 0xd": chunked(b"0x" + CHUNKED),
    "a chunk of -1": chunked(b"-1\r\n"),
    "a chunk beyond 64 bits": chunked(b"f" * 17 + b"\r\n"),
    "chunks that end in LF": chunked(CHUNKED.replace(b"\r\n", b"\n")),
    "a chunk that is longer than it says": chunked(b"d\r\n" + GOOD + b"XX0\r\n\r\n"),
    "two keys": request(LENGTH, "authorization: Bearer k"),
    "two types": request(LENGTH, "content-type: application/json"),
    "two codings": request(LENGTH, "content-encoding: gzip", "content-encoding: gzip"),
    "two versions": request(LENGTH, "x-modelwright-version: 1", "x-modelwright-version: 1"),
    "two deadlines": request(LENGTH, "x-timeout-ms: 5000", "x-timeout-ms: 5000"),
    "too many headers": request(LENGTH, *["a: b"] * MOST_HEADERS),
    "a hundred thousand headers": request(LENGTH, *["a:"] * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_what_could_be_read_in_two_ways_is_400_and_ends_the_connection(server: Server, data: bytes) -> None:
    with connected(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        status, body = answer(connection)
        assert (status, body["error"]["id"]) == (400, "request.not-http")
        assert closed(connection)
    assert eventually(lambda: in_flight(server) == 0)


PLAIN: dict[str, tuple[bytes, int]] = {
    "a whole address": (request(LENGTH, target="http://localhost/measure"), 200),
    "HTTP/1.0 without a host": (request(LENGTH, version="HTTP/1.0", fixed=with_host()), 200),
    "a letter as a code": (request(LENGTH, target="/%6deasure"), 200),
    "a chunk with an extension": (chunked(CHUNKED.replace(b"d\r\n", b"d;x=y\r\n", 1)), 200),
    "capitals": (request(LENGTH.upper(), fixed=with_host("HOST: LOCALHOST")), 200),
    "what other servers take for a path": (
        request(LENGTH, "x-original-url: /metrics", "x-rewrite-url: /metrics", "x-http-method-override: GET",
                "x-forwarded-prefix: /x", "x-forwarded-host: elsewhere.example"),
        200,
    ),
    **{
        f"the target {target!r}": (request(LENGTH, target=target), 404)
        for target in ("//measure", "/measure/", "/measure;x", "/./measure", "/x/../measure", "/%2e%2e/measure",
                       "/measure%2f", "/measure%00", "/%252e%252e/measure", "/measure%", "*", "/measure\\",
                       "//localhost/measure")
    },
}  # fmt: skip


@pytest.mark.parametrize(("data", "status"), PLAIN.values(), ids=PLAIN.keys())
def test_what_means_one_thing_is_answered_by_its_path(server: Server, data: bytes, status: int) -> None:
    assert asked(server, data)[0] == status


def test_no_way_to_write_a_path_leads_past_the_key(server: Server) -> None:
    """However a path that needs a key is written, it is asked for, or there is nothing."""
    for target in (
        "/metrics", "/admin/traffic", "/admin%2ftraffic", "/%61dmin/traffic", "//admin/traffic", "/admin//traffic",
        "/healthz/../metrics", "/healthz/%2e%2e/metrics", "/healthz;/../metrics", "/healthz%2f..%2fmetrics",
        "/metrics/", "/metrics%00", "/metrics%20", "/metrics;.html", "/METRICS", "/v2/health/live/../../../metrics",
        "http://localhost/metrics", "/healthz?/../metrics", "/v2/models/measure%2f..%2f..%2fmetrics", "/metrics%23",
    ):  # fmt: skip
        lines = ("host: localhost", "x-original-url: /healthz", "x-forwarded-uri: /healthz")
        status, body = asked(server, request(method="GET", target=target, fixed=lines, body=b""))
        assert (status, target) in {(401, target), (404, target)} or body == {"live": True}, target
        assert body != {"live": True} or "?" in target


def test_trailers_are_no_headers(server: Server) -> None:
    """A proxy that lets no such header through does not look at trailers."""
    ended = CHUNKED.removesuffix(b"\r\n")
    trailers = b"x-modelwright-version: 77\r\nx-timeout-ms: x\r\ncontent-type: text/plain\r\n\r\n"
    assert asked(server, chunked(ended + trailers))[0] == 200
    fixed = ("host: localhost", "content-type: application/json", "transfer-encoding: chunked")
    without = request(fixed=fixed, body=ended + b"authorization: Bearer k\r\n\r\n")
    assert asked(server, without)[0] == 401


def test_an_error_is_never_taken_for_the_answer_to_another_request(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(request(LENGTH) + b"GARBAGE\r\n\r\n")
        status, body = answer(connection)
        assert (status, list(body)) == (200, ["id", "version", "outputs"])
        assert closed(connection)
    with connected(server) as connection:  # refused by its length, and then broken: one answer, and no second
        huge = request(
            "transfer-encoding: chunked", fixed=("host: localhost",), body=b"5\r\nhello\r\nno chunk\r\n"
        )
        connection.sendall(huge)
        assert answer(connection)[0] in {400, 401}
        assert connection.recv(100) == b""


def test_a_client_that_asks_on_and_on_is_held_and_the_others_are_answered(server: Server) -> None:
    asking = request(method="GET", target="/healthz", body=b"")
    with connected(server) as connection:
        connection.sendall(asking * (MOST_PIPELINED // 2))
        found = b""
        while found.count(b'{"live":true}') < MOST_PIPELINED // 2:
            found += connection.recv(65536)
    with connected(server) as connection:
        with contextlib.suppress(OSError):
            for _ in range(20):  # 100,000 requests
                connection.sendall(asking * 5000)
        assert eventually(
            lambda: max(map(waiting, server._uvicorn.server_state.connections), default=0) <= MOST_PIPELINED
        )
        assert closed(connection)
    assert httpx.get(f"{server.url}/healthz").is_success


def waiting(connection: object) -> int:
    """Return how many requests of a connection wait."""
    return len(connection.pipeline)  # type: ignore[attr-defined]


def test_a_client_that_does_not_read_its_answers_is_let_go(server: Server) -> None:
    """Its answers would be kept for ever; the time is that of a body."""
    rows = json.dumps([{"height": 9}] * 1000).encode()
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        with contextlib.suppress(OSError):
            for _ in range(30):
                connection.sendall(request(f"content-length: {len(rows)}", body=rows))
        assert eventually(lambda: not server._uvicorn.server_state.connections)
    assert in_flight(server) == 0


@pytest.mark.parametrize("behind", [b"", request(LENGTH)], ids=["alone", "with a request behind it"])
def test_a_connection_that_is_cut_in_the_middle_of_a_pass_ends_its_work(
    packages: dict[str, Path], behind: bytes
) -> None:
    slow = json.dumps({"rounds": 200}).encode()
    with running(Releases(packages["slow"]), batching={"rows": 1}) as server:
        connections = [contextlib.ExitStack() for _ in range(12)]
        for one in connections:
            connection = one.enter_context(connected(server))
            connection.sendall(head(f"content-length: {len(slow)}") + slow + behind)
        # on a busy machine the first may be answered before the last has come
        assert eventually(lambda: in_flight(server) >= 6)
        for one in connections:
            one.close()
        assert eventually(lambda: in_flight(server) == 0, timeout_s=3), "all twelve would take far longer"
        assert server.gateway.rows_under_way == 0
        assert eventually(lambda: not server._uvicorn.server_state.connections)


def test_chunks_of_single_bytes_without_end(packages: dict[str, Path]) -> None:
    limits = {"body": 150_000}
    with running(Releases(packages["linear"]), limits=limits) as server, connected(server) as connection:
        connection.sendall(head("transfer-encoding: chunked") + b"1\r\n \r\n" * 100_000)
        begun = time.monotonic()
        assert httpx.get(f"{server.url}/healthz", timeout=20).is_success
        assert time.monotonic() - begun < 5, "others are answered in between"
        with contextlib.suppress(OSError):
            connection.sendall(b"1\r\n \r\n" * 100_000)
        status, body = answer(connection)
        assert (status, body["error"]["id"]) == (413, "request.too-large")
        assert eventually(lambda: in_flight(server) == 0)


def test_a_thousand_idle_connections(server: Server) -> None:
    begun = b"POST /measure HTTP/1.1\r\nhost: local"
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            connection = stack.enter_context(connected(server))
            connection.sendall(begun if number % 2 else b"")
        assert asked(server, request(LENGTH))[0] == 200
        # half of them have sent half a head, the others nothing: all are closed after two rounds
        assert eventually(lambda: len(server._uvicorn.server_state.connections) == 0)


def test_still_answered(server: Server) -> None:
    assert asked(server, request(LENGTH))[0] == 200
