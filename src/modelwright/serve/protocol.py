"""What uvicorn leaves open at the level of HTTP: errors as JSON, and connections that stall."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from modelwright.core.errors import Problem
from modelwright.serve.exchange import error_body

MAX_HEAD_BYTES = 64 * 1024
_BROKEN = error_body(
    Problem(
        "request.not-http",
        "a request is HTTP/1.1",
        "something that cannot be read as such",
        "look at the request line, at the headers, and at content-length",
    )
)


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, with errors in the form of all others, and a bound on the head of a request.

    h11 has such a bound itself; httptools, which is used where it is installed, has none, and would gather
    headers without end. Only httptools calls the `on_` methods.
    """

    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read what has arrived."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that a request's headers are there."""
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer 400 and close the connection; uvicorn's text is replaced by ours."""
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(_BROKEN)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + _BROKEN)
        self.transport.close()


async def close_stalled(state: ServerState, timeout_s: float) -> None:
    """Close connections on which nothing is asked and that did not begin a whole request for `timeout_s`.

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
