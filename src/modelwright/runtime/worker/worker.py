"""A worker: one version in a process of its own, so that a graph that crashes takes no connection with it.

The gateway starts it with one end of a socket pair, which no other process can reach, and which closes when
the gateway dies, however it dies; the worker then ends as well. Requests that arrive while a batch runs make
up the next batch.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwright.core.messages import UserError
from modelwright.runtime.function import Function, load
from modelwright.runtime.worker.frames import Unpacker, packed
from modelwright.runtime.worker.parent import die_with_parent

_READ_BYTES = 1 << 16
_WARM_UP_ROWS = (1, 1)  # and a full batch
WAIT_SHARE = 0.25  # of the last pass's time: what waiting costs stays small beside what it can save


@dataclass(frozen=True)
class Waiting:
    """A request in the inbox, and when it was sent (time.monotonic)."""

    id: int
    rows: list[list[Any]]
    asked: float


class Inbox:
    """The requests that wait, read from the gateway's socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._selector = selectors.DefaultSelector()  # select() itself knows no descriptor above 1023
        self._selector.register(connection, selectors.EVENT_READ)
        self._unpacker = Unpacker()
        self._waiting: deque[Waiting] = deque()

    def take(self, max_rows: int, wanted_rows: int = 1, wait_s: float = 0.0) -> list[Waiting]:
        """Return the next batch: what waits, at most `max_rows` rows, but one request at least.

        Waits for the first request as long as it takes, and then up to `wait_s` until there are `wanted_rows`;
        raises EOFError when the gateway is gone.
        """
        self._read(0.0)
        while not self._waiting:
            self._read(None)
        deadline = time.monotonic() + wait_s
        while self._rows() < min(wanted_rows, max_rows) and (left := deadline - time.monotonic()) > 0:
            self._read(left)
        if not self._waiting:  # all of them were dropped meanwhile
            return self.take(max_rows)
        batch = [self._waiting.popleft()]
        rows = len(batch[0].rows)
        while self._waiting and rows + len(self._waiting[0].rows) <= max_rows:
            batch.append(self._waiting.popleft())
            rows += len(batch[-1].rows)
        return batch

    def _rows(self) -> int:
        return sum(len(request.rows) for request in self._waiting)

    def _read(self, timeout_s: float | None) -> None:
        """Read all that has been sent; wait up to `timeout_s` (None: for ever) for the first of it."""
        while self._selector.select(timeout_s):
            data = self._connection.recv(_READ_BYTES)
            if not data:
                raise EOFError
            for message in self._unpacker.feed(data):
                if len(message) == 1:
                    self._drop(message[0])
                else:
                    self._waiting.append(Waiting(*message))
            timeout_s = 0.0

    def _drop(self, request_id: int) -> None:
        """Forget a request that has not begun, because nobody waits for it any more."""
        self._waiting = deque(request for request in self._waiting if request.id != request_id)


def work(
    function: Function, inbox: Inbox, connection: socket.socket, max_batch: int, max_wait_s: float
) -> None:
    """Answer batch after batch; raises EOFError or ConnectionError when the gateway is gone.

    Who shared the last pass is likely to ask again at once. Waiting a moment for as many makes the next pass a
    full one; a request that comes alone waits for nobody.
    """
    rows, inference_s = 1, 0.0
    while True:
        batch = inbox.take(max_batch, rows, min(max_wait_s, WAIT_SHARE * inference_s))
        begun = time.monotonic()
        answers = _answers(function, batch, max_batch)
        inference_s = time.monotonic() - begun
        rows = sum(len(request.rows) for request in batch)
        replies = [
            _reply(request, answer, begun - request.asked, inference_s, rows)
            for request, answer in zip(batch, answers, strict=True)
        ]
        connection.sendall(b"".join(replies))


def _answers(function: Function, batch: Sequence[Waiting], max_batch: int) -> list[list[Any] | None]:
    """Return the answers of each request; None for one that the body cannot answer, whatever its company."""
    rows = [tuple(row) for request in batch for row in request.rows]
    try:
        predicted = function.answer(function.rows.columns(rows), max_batch)
    except Exception:
        if len(batch) > 1:
            return [_answers(function, [request], max_batch)[0] for request in batch]
        traceback.print_exc()
        return [None]
    flat = iter([[[a.value, a.confidence] for a in row.values()] for row in predicted])
    return [[next(flat) for _ in request.rows] for request in batch]


def _reply(
    request: Waiting, answer: list[Any] | None, queue_s: float, inference_s: float, rows: int
) -> bytes:
    try:
        return packed([request.id, answer, queue_s, inference_s, rows])
    except ValueError:  # an answer that is no number
        return packed([request.id, None, queue_s, inference_s, rows])


def _warm_up(function: Function, max_batch: int) -> None:
    # the first passes allocate memory and choose kernels; no request should wait for that
    for rows in (max_batch, *_WARM_UP_ROWS):
        missing = [(None,) * len(function.signature.inputs)] * rows
        function.answer(function.rows.columns(missing), max_batch)


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the package, say so, and answer until the gateway closes the socket."""
    parser = argparse.ArgumentParser(prog="modelwright.runtime.worker.worker", description=main.__doc__)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--socket", type=int, required=True, help="the file descriptor of a connected socket")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--max-batch", type=int, required=True)
    parser.add_argument("--max-wait-s", type=float, required=True)
    options = parser.parse_args(arguments)

    connection = socket.socket(fileno=options.socket)
    die_with_parent()
    try:
        function = load(options.package, threads=options.threads)
        _warm_up(function, options.max_batch)
    except UserError as error:
        connection.sendall(packed(["failed", [problem.as_json() for problem in error.problems]]))
        return 1
    try:
        connection.sendall(packed(["ready", str(function.signature), function.digest]))
        work(function, Inbox(connection), connection, options.max_batch, options.max_wait_s)
    except (EOFError, ConnectionError):
        pass  # the gateway is gone, or needs this version no longer
    return 0


if __name__ == "__main__":
    sys.exit(main())
