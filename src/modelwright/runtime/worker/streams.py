"""Answers in parts: several requests at once, each one part further in turn."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Generator, Mapping
from dataclasses import astuple, dataclass, field, replace

from modelwright.core.messages import Phrase, RequestError
from modelwright.kinds.contract.common import WritingTimes
from modelwright.runtime.drivers.contract.driver import Load
from modelwright.runtime.function import Answers, Function
from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.growing_lists import shortened
from modelwright.runtime.worker.inbox import Inbox, Waiting
from modelwright.runtime.worker.values import Crossing, RowAnswer, Unseen, row_answer

_LOAD_EVERY_S = 0.25  # of what there is to do, while nothing begins or ends
_LOG = logging.getLogger(__name__)


@dataclass
class _Stream:
    """A request that is being answered: what was sent of it, by row, and when it began (time.monotonic).

    times: of rows that are whole, when their tokens came.
    """

    request: Waiting
    parts: Generator[dict[int, Answers], None, None]
    begun: float
    rows: dict[int, RowAnswer]
    unseen: Unseen
    times: dict[int, WritingTimes] = field(default_factory=dict)

    def note_times(self, part: Mapping[int, Answers]) -> None:
        """Keep the times of rows that are whole."""
        for row, answers in part.items():
            for answer in answers.values():
                if answer.times is not None:
                    self.times[row] = answer.times

    def sent_times(self) -> list[list[float]]:
        """Return of each row, in ms from when the gateway sent it, when its first token came, and the gaps after it.

        None at all where none was written token by token; nothing of a row without a token.
        """
        if not self.times:
            return []
        queue_s = self.begun - self.request.sent
        found = [self.times.get(row) for row in range(len(self.request.rows))]
        return [
            [] if one is None else [round(1e3 * s, 3) for s in (queue_s + one.first_s, *one.gaps_s)]
            for one in found
        ]


class _LoadSender:
    """Sends the gateway what there is to do and what was done, where something begins or ends and from time to time."""

    def __init__(self, function: Function, inbox: Inbox, connection: socket.socket) -> None:
        self._function = function
        self._inbox = inbox
        self._connection = connection
        self._sent = Load()
        self._sent_at = 0.0

    def send(self, *, at_once: bool) -> None:
        """Send what has changed; at_once: whether something began or ended."""
        now_s = time.monotonic()
        if not at_once and now_s - self._sent_at < _LOAD_EVERY_S:
            return
        load = self._function.load()
        if load is None:
            return
        load = replace(load, waiting=load.waiting + self._inbox.waiting_rows)
        self._sent_at = now_s
        if load != self._sent:
            self._sent = load
            self._connection.sendall(packed(["load", 0, astuple(load)]))


def work_in_parts(function: Function, inbox: Inbox, connection: socket.socket) -> None:
    """Answer requests in parts; raises EOFError or ConnectionError when the gateway is gone.

    Each turn takes what has come, closes what nobody waits for, and sends one part of each request under way. As many
    are under way as the driver says that it is worth; the others wait.
    """
    crossing = Crossing(function.signature)
    loads = _LoadSender(function, inbox, connection)
    most = function.at_once
    under_way: dict[int, _Stream] = {}
    try:
        while True:
            if not under_way:
                inbox.wait()
            has_news = False
            while len(under_way) < most and (more := inbox.next()) is not None:
                stream = _begin(function, crossing, more)
                has_news = True
                if isinstance(stream, bytes):
                    connection.sendall(stream)
                else:
                    under_way[more.id] = stream
            if len(under_way) == most:
                inbox.poll()
            for request_id in inbox.left & under_way.keys():
                under_way.pop(request_id).parts.close()
                has_news = True
            inbox.left.clear()
            for stream in list(under_way.values()):
                frame, has_more = _advance(stream, crossing)
                if not has_more:
                    del under_way[stream.request.id]
                    loads.send(at_once=True)  # before the end: who has an answer finds it counted
                connection.sendall(frame)
            loads.send(at_once=has_news)
    finally:
        for stream in under_way.values():
            stream.parts.close()


def _begin(function: Function, crossing: Crossing, request: Waiting) -> _Stream | bytes:
    """Return a stream, or what is sent where some of its rows cannot be answered."""
    rows = [tuple(row) for row in crossing.rows_in(request.rows)]
    columns = function.rows.columns(rows)
    try:
        refused = function.misfits(columns, request.options)
    except Exception:  # one request is answered so; the streams under way go on
        _LOG.exception("%s", Phrase("serve.body-raised"))
        return packed(["failed", request.id, time.monotonic() - request.sent, 0.0, len(rows)])
    if refused:
        several = len(rows) > 1
        wire = [
            one.at(f"item {row}" if several else None).to_wire() for row in refused for one in refused[row]
        ]
        return packed(["misfit", request.id, time.monotonic() - request.sent, 0.0, len(rows), wire])
    unseen = [[row, [*names]] for row, names in function.unseen(columns).items()]
    return _Stream(request, function.parts(columns, request.options), time.monotonic(), {}, unseen)


def _advance(stream: _Stream, crossing: Crossing) -> tuple[bytes, bool]:
    """Return the frame of the next part of a stream, or of its end, and whether there may be more."""
    request_id = stream.request.id
    try:
        part = next(stream.parts, None)
        if part is not None and not part:
            return b"", True  # all its rows wait for a slot: there is nothing to send yet
        if part is not None:
            answers = crossing.answers_out([row_answer(row.values()) for row in part.values()])
            sent = [shortened(one, stream.rows.get(row)) for row, one in zip(part, answers, strict=True)]
            stream.rows.update(zip(part, answers, strict=True))
            stream.note_times(part)
            frame = packed(["part", request_id, list(part), sent])
        else:
            whole = [stream.rows[place] for place in range(len(stream.request.rows))]
            frame = packed(["end", request_id, whole, *_times(stream), stream.unseen, stream.sent_times()])
    except RequestError as error:  # what is asked turns out to be impossible on the way
        stream.parts.close()
        wire = [one.to_wire() for one in error.problems]
        part, frame = None, packed(["misfit", request_id, *_times(stream), wire])
    except Exception:
        _LOG.exception("%s", Phrase("serve.body-raised"))
        stream.parts.close()
        part, frame = None, packed(["failed", request_id, *_times(stream)])
    return frame, part is not None


def _times(stream: _Stream) -> tuple[float, float, int]:
    request = stream.request
    return stream.begun - request.sent, time.monotonic() - stream.begun, len(request.rows)
