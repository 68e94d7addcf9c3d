"""What uvicorn leaves open at the level of HTTP: errors as JSON, and connections that stall."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from modelwright.core.messages import Problem
from modelwright.gateway.http.exchange import error_body

MAX_HEAD_BYTES = 64 * 1024
MAX_FRAMING = 8  # bytes a byte of body: chunks of a single byte take six


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, with errors in the form of all others, and a bound on all that is no body.

    h11 has such a bound itself; httptools, which is used where it is installed, has none, and would gather
    headers, or the trailers of a chunked body, without end. Only httptools calls the `on_` methods.
    """

    _reading = False  # a message has begun and not ended
    _turns = 0  # messages begun and ended: a read in which one does is not counted
    _body_bytes = 0
    _framing_bytes = 0  # of the message that is read: head, chunk sizes, trailers
    _refused = False

    def data_received(self, data: bytes) -> None:
        """Read what has arrived."""
        if self._refused:
            return
        turns, body = self._turns, self._body_bytes
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
        """Refuse an upgrade: its body would be read as the next request."""
        if self.parser.should_upgrade():
            self.send_400_response("")
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body."""
        self._body_bytes += len(body)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request has ended."""
        self._reading = False
        self._turns += 1
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer 400, once, and close the connection; uvicorn's text is replaced by ours."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        body = error_body(Problem("request.not-http"))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


async def close_stalled(state: ServerState, timeout_s: float) -> None:
    """Close connections without a request and that did not begin a whole request for `timeout_s`.

    uvicorn ends an idle connection after an answer, but waits for ever for the end of a request's headers;
    a client that opens many such connections would use up the file descriptors.
    """
    suspects: set[Any] = set()
    while True:
        await asyncio.sleep(timeout_s)
        stalled = {connection for connection in state.connections if _waits_for_headers(connection)}
        for connection in stalled & suspects:
            connection.transport.close()
        suspects = stalled - suspects


def _waits_for_headers(connection: Any) -> bool:
    idle = connection.cycle is None or connection.cycle.response_complete
    return idle and connection.timeout_keep_alive_task is None
