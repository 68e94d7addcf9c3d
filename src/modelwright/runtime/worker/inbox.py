"""What waits for a worker, read from the gateway's socket."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelwright.core.json_types import JsonLike
from modelwright.runtime.worker.frames import Unpacker, packed

_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Waiting:
    """A request in the inbox: its rows, as they were sent, when that was (time.monotonic), and its options."""

    id: int
    rows: list[list[object]]
    sent: float
    options: Mapping[str, JsonLike]


class BatchChoice(Protocol):
    """Says which of the requests that wait make up the next batch."""

    @property
    def wanted_rows(self) -> int: ...
    def wait_s(self, waiting: Sequence[Waiting]) -> float: ...
    def pick(self, waiting: Sequence[Waiting]) -> Sequence[int]: ...


class Inbox:
    """The requests that wait. `left` holds those that nobody waits for any more and that were taken already."""

    def __init__(self, connection: socket.socket) -> None:
        self.left: set[int] = set()
        self._connection = connection
        self._selector = selectors.DefaultSelector()  # select() itself knows no descriptor above 1023
        self._selector.register(connection, selectors.EVENT_READ)
        self._unpacker = Unpacker()
        self._waiting: list[Waiting] = []

    def take(self, batcher: BatchChoice) -> list[Waiting]:
        """Return the next batch: those of the requests that wait which `batcher` picks.

        Waits for the first request as long as it takes, and then as long as the batcher allows until there are as many
        rows as it wants; raises EOFError when the gateway is gone.
        """
        self.left.clear()
        self._read(0.0)
        while not self._waiting:
            self._read(None)
        deadline = time.monotonic() + batcher.wait_s(self._waiting)
        while self.waiting_rows < batcher.wanted_rows and (left := deadline - time.monotonic()) > 0:
            self._read(left)
        if not self._waiting:  # all of them were dropped meanwhile
            return self.take(batcher)
        places = set(batcher.pick(self._waiting))
        batch = [one for place, one in enumerate(self._waiting) if place in places]
        self._waiting = [one for place, one in enumerate(self._waiting) if place not in places]
        return batch

    def wait(self) -> None:
        """Wait until there is a request; raises EOFError when the gateway is gone."""
        while not self._waiting:
            self._read(None)

    def next(self) -> Waiting | None:
        """Return the next request if there is one now; raises EOFError when the gateway is gone."""
        self._read(0.0)
        return self._waiting.pop(0) if self._waiting else None

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait here."""
        return sum(len(request.rows) for request in self._waiting)

    def poll(self) -> None:
        """Read what has been sent, without waiting; raises EOFError when the gateway is gone."""
        self._read(0.0)

    def _read(self, timeout_s: float | None) -> None:
        """Read all that has been sent; wait up to `timeout_s` (None: for ever) for the first of it."""
        while self._selector.select(timeout_s):
            data = self._connection.recv(_READ_BYTES)
            if not data:
                raise EOFError
            for kind, request_id, *rest in self._unpacker.feed(data):
                if kind == "ask":
                    self._waiting.append(Waiting(request_id, *rest))
                elif kind == "ping":
                    self._connection.sendall(packed(["pong", 0]))
                else:
                    self._drop(request_id)
            timeout_s = 0.0

    def _drop(self, request_id: int) -> None:
        """Forget a request because nobody waits for it any more."""
        before = len(self._waiting)
        self._waiting = [request for request in self._waiting if request.id != request_id]
        if len(self._waiting) == before:
            self.left.add(request_id)
