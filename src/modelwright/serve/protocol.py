"""What uvicorn leaves open at the level of HTTP: errors as JSON, and connections that stall."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from modelwright.core.errors import Problem
from modelwright.serve.exchange import error_body

_BROKEN = error_body(
    Problem(
        "request.not-http",
        "a request is HTTP/1.1",
        "something that cannot be read as such",
        "look at the request line, at the headers, and at content-length",
    )
)


class JsonErrors(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol, which answers what is no HTTP in the same form as every other error."""

    def send_400_response(self, msg: str) -> None:
        """Answer 400 and close the connection."""
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
