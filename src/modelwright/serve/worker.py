"""A worker: one version in a process of its own, so that a graph that crashes takes no connection with it.

The gateway starts it with one end of a socket pair, which no other process can reach, and which closes when
the gateway dies, however it dies; the worker then ends as well. Requests that wait while a batch runs make up
the next batch.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwright.core.errors import UserError
from modelwright.serve.frames import Unpacker, packed
from modelwright.serve.function import Function, load

_READ_BYTES = 1 << 16
_WARM_UP_PASSES = 3


@dataclass(frozen=True)
class Waiting:
    """A request in the inbox, and when it arrived (perf_counter)."""

    id: int
    rows: list[list[Any]]
    arrived: float


class Inbox:
    """Requests that wait. One thread puts them in, the main thread takes them out in batches."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        self._changed = threading.Condition()

    def put(self, request: Waiting) -> None:
        """Add a request at the end."""
        with self._changed:
            self._waiting.append(request)
            self._rows += len(request.rows)
            self._changed.notify()

    def drop(self, request_id: int) -> None:
        """Forget a request that has not begun, because nobody waits for it any more."""
        with self._changed:
            for request in self._waiting:
                if request.id == request_id:
                    self._waiting.remove(request)
                    self._rows -= len(request.rows)
                    return

    def take(self, max_rows: int, max_wait_s: float) -> list[Waiting]:
        """Return the next batch: what waits, at most `max_rows` rows, but one request at least.

        Waits for the first request as long as it takes, and then up to `max_wait_s` for more.
        """
        with self._changed:
            # again where the only request was dropped meanwhile
            while not self._waiting:
                self._changed.wait()
                if max_wait_s > 0:
                    self._changed.wait_for(lambda: self._rows >= max_rows, max_wait_s)
            batch = [self._waiting.popleft()]
            rows = len(batch[0].rows)
            while self._waiting and rows + len(self._waiting[0].rows) <= max_rows:
                batch.append(self._waiting.popleft())
                rows += len(batch[-1].rows)
            self._rows -= rows
            return batch


def work(
    function: Function, inbox: Inbox, connection: socket.socket, max_batch: int, max_wait_s: float
) -> None:
    """Answer batch after batch; never returns."""
    while True:
        batch = inbox.take(max_batch, max_wait_s)
        begun = time.perf_counter()
        answers = _answers(function, batch, max_batch)
        inference_s = time.perf_counter() - begun
        rows = sum(len(request.rows) for request in batch)
        replies = [
            _reply(request, answer, begun - request.arrived, inference_s, rows)
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


def _listen(connection: socket.socket, inbox: Inbox) -> None:
    """Fill the inbox; end the process when the gateway is gone."""
    unpacker = Unpacker()
    try:
        while data := connection.recv(_READ_BYTES):
            for message in unpacker.feed(data):
                if len(message) == 1:
                    inbox.drop(message[0])
                else:
                    inbox.put(Waiting(message[0], message[1], time.perf_counter()))
    except OSError:
        pass
    os._exit(0)  # at once: nobody is left to answer to, and a graph may be running in the main thread


def _warm_up(function: Function, max_batch: int) -> None:
    # the first passes allocate memory and choose kernels; no request should wait for that
    for rows in (1, max_batch, 1)[:_WARM_UP_PASSES]:
        missing = [(None,) * len(function.signature.inputs)] * rows
        function.answer(function.rows.columns(missing), max_batch)


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the package, say so, and answer until the gateway closes the socket."""
    parser = argparse.ArgumentParser(prog="modelwright.serve.worker", description=main.__doc__)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--socket", type=int, required=True, help="the file descriptor of a connected socket")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--max-batch", type=int, required=True)
    parser.add_argument("--max-wait-s", type=float, required=True)
    options = parser.parse_args(arguments)

    connection = socket.socket(fileno=options.socket)
    inbox = Inbox()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    try:
        function = load(options.package, threads=options.threads)
        _warm_up(function, options.max_batch)
    except UserError as error:
        connection.sendall(packed(["failed", [problem.as_json() for problem in error.problems]]))
        return 1
    connection.sendall(packed(["ready", str(function.signature), function.digest]))
    work(function, inbox, connection, options.max_batch, options.max_wait_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
