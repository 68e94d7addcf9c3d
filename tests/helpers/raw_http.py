"""Plain connections to a server, for clients that break the rules of HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import waiting

from modelwright.gateway.server import Server

GOOD = b'{"height": 9}'


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """Open a plain connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def head(*lines: str, method: str = "POST", host: str = "localhost") -> bytes:
    """Return a request's head with these header lines."""
    fixed = (f"{method} /measure HTTP/1.1", f"host: {host}", "content-type: application/json", *lines)
    return ("\r\n".join(fixed) + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> tuple[int, dict]:
    """Read one answer: its status and its JSON."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        assert chunk, f"closed after {data!r}"
        data += chunk
    top, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return int(top.split()[1]), json.loads(body[:length])


def closed(connection: socket.socket) -> bool:
    """Wait until the server closes the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


eventually = partial(waiting.eventually, timeout_s=20.0)


def in_flight(server: Server) -> float:
    """Return the gauge of requests in flight."""
    return (
        server.telemetry.registry.get_sample_value("modelwright_requests_in_flight", {"function": "measure"})
        or 0.0
    )


def still_answers(server: Server) -> bool:
    """Return whether another client is answered."""
    return httpx.post(f"{server.url}/measure", json={"height": 9}).is_success and in_flight(server) == 0
