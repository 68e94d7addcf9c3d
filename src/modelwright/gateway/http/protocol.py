"""What uvicorn leaves open at the level of HTTP: what is no plain request, and connections that stall.

Two programs that read the same bytes as different requests are how one is smuggled past a proxy. So what HTTP leaves
open, or what proxies are known to read otherwise, is refused: https://www.rfc-editor.org/rfc/rfc9112 (sections 2.3,
3.2, 6.1 and 11.2), https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1 (trailers).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from modelwright.core.messages import Problem
from modelwright.gateway.http.exchange import error_body
from modelwright.gateway.http.predictions import TIMEOUT_HEADER
from modelwright.gateway.http.v2.inference import JSON_BYTES
from modelwright.gateway.traffic.route import VERSION_HEADER

MAX_HEAD_BYTES = 64 * 1024
MAX_FRAMING = 8  # bytes a byte of body: chunks of a single byte take six
MOST_HEADERS = 100
MOST_PIPELINED = 100  # requests of one connection that wait for the answer to those before them
_VERSIONS = {"1.0", "1.1"}
# How a client offers to go on in HTTP/2, as `java.net.http` does with the first request of every connection:
# https://www.rfc-editor.org/rfc/rfc7540#section-3.2
_OFFER = (b"upgrade", b"http2-settings")
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
# The last of several is read; a proxy may look at the first. What lists may be made of (accept, cookie) is not here.
_ONCE = frozenset(
    {
        *(b"host", b"authorization", b"origin", b"sec-fetch-site", b"expect", b"transfer-encoding"),
        *(b"content-length", b"content-type", b"content-encoding"),
        *(JSON_BYTES, TIMEOUT_HEADER, VERSION_HEADER),
    }
)


class _OddRequestError(Exception):
    """A head that is refused; raised within the parser, which ends there, and answered 400."""


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, with our form of errors, heads that mean one thing, and a bound on all but bodies.

    h11 has such bounds itself; httptools, which is used where it is installed, has none: it would gather headers, or
    the trailers of a chunked body, without end. Only httptools calls the `on_` methods.
    """

    _reading = False  # a message has begun and not ended
    _turns = 0  # messages begun and ended: a read in which one does is not counted
    _body_bytes = 0
    _framing_bytes = 0  # of the message that is read: head, chunk sizes, trailers
    headers: list[tuple[bytes, bytes]]
    _refused = False
    _offers = False  # the head that was read offers an upgrade, and is read again without it
    _unread = b""
    _answering: Any = None  # uvicorn's cycle of the request that is answered; `cycle` is the newest one's
    stuck_since: float | None = None  # on the loop's clock: the client takes no more of what is sent

    def data_received(self, data: bytes) -> None:
        """Read what has arrived."""
        if self._refused:
            return
        turns, body = self._turns, self._body_bytes
        self._unread = data
        super().data_received(data)
        if self._reading and self._turns == turns:
            self._framing_bytes += len(data) - (self._body_bytes - body)
            if self._framing_bytes > MAX_HEAD_BYTES + MAX_FRAMING * self._body_bytes:
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._reading, self._body_bytes, self._framing_bytes = True, 0, 0
        self._turns += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a request; raises _OddRequestError for one that means different things to different readers."""
        if len(self.headers) > MOST_HEADERS or len(self.pipeline) >= MOST_PIPELINED:
            raise _OddRequestError
        headers = dict(self.headers)
        if self.parser.should_upgrade():
            # Any other upgrade is refused: what follows it may be no body.
            is_offer = headers.get(b"upgrade", b"").lower() == b"h2c" and b"http2-settings" in headers
            if not is_offer or self.parser.get_http_version() != "1.1":
                raise _OddRequestError
            self._offers = True
            return
        if len(headers) < len(self.headers):
            counts = Counter(name for name, _ in self.headers)
            if any(counts[name] > 1 for name in _ONCE):
                raise _OddRequestError
        if not _is_plain(self.url, self.parser.get_http_version(), headers):
            raise _OddRequestError
        super().on_headers_complete()
        self.headers = []  # trailers go here, and not among what the request is read by
        if self.parser.get_http_version() == "1.0":
            self.cycle.send = _ended_by_closing(self.cycle)
        if not self.pipeline:
            self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body."""
        self._body_bytes += len(body)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request has ended."""
        if self._offers:
            return
        self._reading = False
        self._turns += 1
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answer the next of those that wait; no more are read before the last of them is answered."""
        self._answering = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def _unsupported_upgrade_warning(self) -> None:
        """Pass over an offer, as a server may: read its head again without it, and go on as with any request.

        The parser takes a body behind an offer for the other protocol; uvicorn calls this in its handler of that.
        """
        ended = sys.exception()
        assert ended is not None, "called while it is handled"
        self._offers = False
        kept = b"".join(b"%b: %b\r\n" % one for one in self.headers if one[0] not in _OFFER)
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (self.parser.get_method(), self.url, kept)
        self.data_received(head + self._unread[ended.args[0] :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is answered now, which uvicorn does for the newest alone."""
        super().connection_lost(exc)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def pause_writing(self) -> None:
        """Note since when the client takes no more."""
        self.stuck_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self.stuck_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer 400, once, and close the connection; uvicorn's text is replaced by ours.

        Where earlier requests of the connection wait for their answers, or this one has begun to get its own, it is
        closed after these without a word, which would be taken for one of them.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        cycle = self.cycle
        is_of_this = cycle is not None and self._reading and self.scope is cycle.scope
        if cycle is not None and not cycle.response_complete and (not is_of_this or cycle.response_started):
            cycle.keep_alive = False
            return
        if not is_of_this or not cycle.response_started:
            body = error_body(Problem("request.not-http"))
            head = (
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def _ended_by_closing(cycle: Any) -> Callable[[Message], Awaitable[None]]:
    """Return what sends an answer without a length to a client of HTTP/1.0: as it is, for the connection ends it.

    uvicorn would send it in chunks, which such a client does not know, nor may be sent
    (https://www.rfc-editor.org/rfc/rfc9112#section-6.1).
    """
    send = cycle.send
    is_bare = False

    async def send_bare(message: Message) -> None:
        nonlocal is_bare
        if message["type"] == "http.response.start":
            is_bare = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = False if is_bare else None
        elif is_bare:  # there is more than this as long as more is to come
            cycle.expected_content_length = len(message.get("body", b"")) + bool(message.get("more_body"))
        await send(message)

    return send_bare


def _is_plain(target: bytes, version: str, headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a head means one thing to all who read it."""
    host, coding = headers.get(b"host"), headers.get(b"transfer-encoding")
    if version not in _VERSIONS or (version == "1.1" and host is None):
        return False
    if host is not None and _HOST.fullmatch(host) is None:
        return False
    if coding is not None and (coding.lower() != b"chunked" or version == "1.0"):
        return False
    return b"#" not in target and (target.startswith(b"/") or target == b"*" or _is_address(target, host))


def _is_address(target: bytes, host: bytes | None) -> bool:
    """Return whether a target is a whole address, which is as good as a path where it says the same as Host."""
    scheme, mark, rest = target.partition(b"://")
    of_web = bool(mark) and scheme.lower() in {b"http", b"https"}
    return of_web and rest.partition(b"/")[0].partition(b"?")[0] == host


async def close_stalled(state: ServerState, timeout_s: float) -> None:
    """Close connections that wait for `timeout_s` without a whole request, or take nothing of their answers so long.

    uvicorn ends an idle connection after an answer, but waits for ever for the end of a request's headers, and for a
    client that does not read: with many such connections it would run out of file descriptors, or hold what their
    answers need. One that is closed, and whose last bytes nobody takes, is held as well.
    """
    suspects: set[Any] = set()
    unsent: dict[Any, int] = {}
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(timeout_s)
        stalled = {connection for connection in state.connections if _waits_for_headers(connection)}
        for connection in stalled & suspects:
            connection.transport.close()
        suspects = stalled - suspects
        ending = {one: size for one in state.connections if (size := _bytes_at_the_end(one))}
        for connection in list(state.connections):
            since = getattr(connection, "stuck_since", None)
            is_stuck = since is not None and loop.time() - since >= timeout_s
            if is_stuck or ending.get(connection, -1) == unsent.get(connection):
                connection.transport.abort()  # `close` would wait until all is sent
        unsent = ending


def _bytes_at_the_end(connection: Any) -> int:
    """Return what a connection that is being closed has still to send."""
    size: int = connection.transport.get_write_buffer_size() if connection.transport.is_closing() else 0
    return size


def _waits_for_headers(connection: Any) -> bool:
    idle = connection.cycle is None or connection.cycle.response_complete
    return idle and connection.timeout_keep_alive_task is None
