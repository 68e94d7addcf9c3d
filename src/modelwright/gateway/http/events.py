"""Answers as they come: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

event: part      data: an answer so far, as `POST /{function}` gives it; of a list, one for each row that is new;
                 what is known of each token (`logprobs`) is that of the tokens since the part before
event: end       data: the answer, whole, as without events
event: error     data: an error, as every path answers it; the last event, where the answer failed in the middle
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import Send

from modelwright.gateway.http import exchange
from modelwright.gateway.traffic.served import AnswerJson
from modelwright.runtime.worker.values import LOGPROBS

EVENT_STREAM = b"text/event-stream"


def wanted(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a client asks for events."""
    given = headers.get(b"accept", b"")
    return EVENT_STREAM in (one.partition(b";")[0].strip().lower() for one in given.split(b","))


class EventSender:
    """Sends events, each with its name."""

    def __init__(self, send: Send, *headers: tuple[bytes, bytes]) -> None:
        self._stream = EventStream(send, *headers)
        self._sent: dict[
            tuple[int, str], int
        ] = {}  # of each row and output, of how many tokens something is sent

    @property
    def begun(self) -> bool:
        """Return whether something was sent."""
        return self._stream.begun

    async def part(self, place: int, answer: AnswerJson) -> None:
        """Send the answer so far to a row."""
        outputs = {name: self._since(place, name, output) for name, output in answer["outputs"].items()}
        await self._event("part", exchange.dumped({**answer, "outputs": outputs}))

    async def end(self, answers: Sequence[AnswerJson], body: bytes) -> None:
        """Send the whole."""
        await self._event("end", body, last=True)

    async def error(self, body: bytes) -> None:
        """Send what went wrong."""
        await self._event("error", body, last=True)

    def _since(self, place: int, name: str, output: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an output with what is known of those tokens alone that have come since the part before."""
        details = output.get("details")
        if not isinstance(details, dict) or not isinstance(tokens := details.get(LOGPROBS), list):
            return output
        begin = self._sent.get((place, name), 0)
        self._sent[place, name] = len(tokens)
        return {**output, "details": {**details, LOGPROBS: tokens[begin:]}}

    async def _event(self, name: str, data: bytes, *, last: bool = False) -> None:
        await self._stream.send(b"event: " + name.encode() + b"\n", data, last=last)


class EventStream:
    """A response of events; the first one begins it."""

    def __init__(self, send: Send, *headers: tuple[bytes, bytes]) -> None:
        self.begun = False
        self._send = send
        self._headers = headers

    async def send(self, head: bytes, data: bytes, *, last: bool = False) -> None:
        """Send one event: the lines before its data, and these, of one line."""
        if not self.begun:
            self.begun = True
            headers = [
                (b"content-type", EVENT_STREAM + b"; charset=utf-8"),
                (b"cache-control", b"no-store"),
                *self._headers,
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        body = head + b"data: " + data + b"\n\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
