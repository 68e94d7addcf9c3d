"""Answers in parts: several requests at once, each one part further in turn."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass

from modelwright.core.messages import Phrase
from modelwright.runtime.function import Answers, Function
from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.inbox import Inbox, Waiting
from modelwright.runtime.worker.values import Crossing, RowAnswer, Unseen, row_answer

_LOG = logging.getLogger(__name__)


@dataclass
class _Stream:
    """A request that is being answered: what was sent of it, by row, and when it began (time.monotonic)."""

    request: Waiting
    parts: Generator[dict[int, Answers], None, None]
    begun: float
    rows: dict[int, RowAnswer]
    unseen: Unseen


def work_in_parts(function: Function, inbox: Inbox, connection: socket.socket) -> None:
    """Answer requests in parts; raises EOFError or ConnectionError when the gateway is gone.

    Each turn takes what has come, closes what nobody waits for, and sends one part of each request under way. As many
    are under way as the driver says that it is worth; the others wait.
    """
    crossing = Crossing(function.signature)
    most = function.at_once
    under_way: dict[int, _Stream] = {}
    try:
        while True:
            if not under_way:
                inbox.wait()
            while len(under_way) < most and (more := inbox.next()) is not None:
                stream = _begin(function, crossing, more)
                if isinstance(stream, bytes):
                    connection.sendall(stream)
                else:
                    under_way[more.id] = stream
            if len(under_way) == most:
                inbox.poll()
            for request_id in inbox.left & under_way.keys():
                under_way.pop(request_id).parts.close()
            inbox.left.clear()
            for stream in list(under_way.values()):
                if not _advance(stream, crossing, connection):
                    del under_way[stream.request.id]
    finally:
        for stream in under_way.values():
            stream.parts.close()


def _begin(function: Function, crossing: Crossing, request: Waiting) -> _Stream | bytes:
    """Return a stream, or what is sent where some of its rows cannot be answered."""
    rows = [tuple(row) for row in crossing.rows_in(request.rows)]
    columns = function.rows.columns(rows)
    if refused := function.misfits(columns, request.options):
        several = len(rows) > 1
        wire = [
            one.at(f"item {row}" if several else None).to_wire() for row in refused for one in refused[row]
        ]
        return packed(["misfit", request.id, time.monotonic() - request.sent, 0.0, len(rows), wire])
    unseen = [[row, [*names]] for row, names in function.unseen(columns).items()]
    return _Stream(request, function.parts(columns, request.options), time.monotonic(), {}, unseen)


def _advance(stream: _Stream, crossing: Crossing, connection: socket.socket) -> bool:
    """Send the next part of a stream, or its end; return whether there may be more."""
    request_id = stream.request.id
    try:
        part = next(stream.parts, None)
        if part is not None and not part:
            return True  # all its rows wait for a slot: there is nothing to send yet
        if part is not None:
            answers = crossing.answers_out([row_answer(row.values()) for row in part.values()])
            stream.rows.update(zip(part, answers, strict=True))
            frame = packed(["part", request_id, list(part), answers])
        else:
            whole = [stream.rows[place] for place in range(len(stream.request.rows))]
            frame = packed(["end", request_id, whole, *_times(stream), stream.unseen])
    except Exception:
        _LOG.exception("%s", Phrase("serve.body-raised"))
        stream.parts.close()
        part, frame = None, packed(["failed", request_id, *_times(stream)])
    connection.sendall(frame)
    return part is not None


def _times(stream: _Stream) -> tuple[float, float, int]:
    request = stream.request
    return stream.begun - request.sent, time.monotonic() - stream.begun, len(request.rows)
