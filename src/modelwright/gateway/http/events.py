"""Answers as they come: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

event: part      data: an answer so far, as `POST /{function}` gives it; of a list, one for each row that is new
event: end       data: the answer, whole, as without events
event: error     data: an error, as every path answers it; the last event, where the answer failed in the middle
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Send

EVENT_STREAM = b"text/event-stream"


def wanted(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a client asks for events."""
    given = headers.get(b"accept", b"")
    return EVENT_STREAM in (one.partition(b";")[0].strip().lower() for one in given.split(b","))


class EventSender:
    """Sends events; the first one begins the response."""

    def __init__(self, send: Send, *headers: tuple[bytes, bytes]) -> None:
        self.begun = False
        self._send = send
        self._headers = headers

    async def event(self, name: str, data: bytes, *, last: bool = False) -> None:
        """Send one event. `data` is JSON of one line."""
        if not self.begun:
            self.begun = True
            headers = [
                (b"content-type", EVENT_STREAM + b"; charset=utf-8"),
                (b"cache-control", b"no-store"),
                *self._headers,
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
