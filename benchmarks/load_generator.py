"""Asks an HTTP server over many connections, from a process of its own that costs as little CPU as Python can.

    answers = load(Asked(port, "/route", bodies, expected), Load(connections=32, seconds=5))

The sockets are raw, in one epoll; an answer is cut by its length or its last chunk. The generator shares the machine
with the server, so its own CPU is measured. Without a rate the loop is closed: a connection asks once it is answered.
With one it is open: requests come at random moments (a Poisson process), however slowly they are answered, and the time
that one waits for a free connection counts as its latency.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

READ_BYTES = 1 << 16
LOOK_EVERY_S = 0.5  # for requests that were never answered
LOST = 0  # in place of a status: the connection ended, or nothing came in time
NOTHING = -1  # in place of the number of a text: the answer held none of those expected


@dataclass(frozen=True)
class Asked:
    """Where to ask and what: bodies of requests, and for each the texts of which a right answer holds one."""

    port: int
    path: str
    bodies: Sequence[str]
    expected: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Load:
    """How to ask: over how many connections, how long, at which rate (None: closed loop)."""

    connections: int
    seconds: float
    per_s: float | None = None
    timeout_s: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class Answered:
    """What came of each request, (requests,): when it was due, sent and answered (seconds from the start), its status,
    and which of the expected texts a 200 held (NOTHING: none of them). begun: when it started, by `time.monotonic`;
    seconds: from the start to the last answer; cpu_s: the generator's own."""

    due_s: NDArray[np.float64]
    sent_s: NDArray[np.float64]
    done_s: NDArray[np.float64]
    status: NDArray[np.int64]
    which: NDArray[np.int64]
    begun: float
    seconds: float
    cpu_s: float

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return which requests got a right answer."""
        return self.which != NOTHING

    @property
    def lost(self) -> int:
        """Return how many requests got no answer at all."""
        return int((self.status == LOST).sum())

    @property
    def wrong(self) -> int:
        """Return how many were answered 200 with something else than the right answer."""
        return int(((self.status == 200) & ~self.right).sum())

    @property
    def refused(self) -> int:
        """Return how many got another status than 200."""
        return int(((self.status != LOST) & (self.status != 200)).sum())

    @property
    def per_s(self) -> float:
        """Return right answers a second."""
        return float(self.right.sum() / self.seconds)

    def latency_ms(self, *, refusals: bool = False) -> NDArray[np.float64]:
        """Return the milliseconds from when each request was due to its answer: those with 200, or refusals."""
        kept = (self.status != LOST) & (self.status != 200) if refusals else self.status == 200
        return 1000 * (self.done_s - self.due_s)[kept]

    @classmethod
    def of(cls, parts: Sequence[Answered]) -> Answered:
        """Return several loads as one; their times start anew in each."""
        columns = ("due_s", "sent_s", "done_s", "status", "which")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        return cls(
            **joined,
            begun=parts[0].begun,
            seconds=sum(one.seconds for one in parts),
            cpu_s=sum(one.cpu_s for one in parts),
        )


class _Connection:
    """One connection and the request that is under way on it (`number` None: it is free)."""

    __slots__ = ("due_s", "number", "received", "sent_s", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.number: int | None = None
        self.due_s = self.sent_s = 0.0

    def answer(self) -> tuple[int, bytes, bool] | None:
        """Return status and body of what was received, and whether the server closes; None until it is whole."""
        head, mark, body = self.received.partition(b"\r\n\r\n")
        if not mark:
            return None
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:  # the last chunk has no bytes
            whole = body.endswith(b"0\r\n\r\n")
            return (int(head[9:12]), body, b"connection: close" in lower) if whole else None
        place = lower.find(b"content-length:")
        if place < 0:
            sys.exit(f"an answer without a length: {head[:200]!r}")
        length = int(lower[place + 15 :].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        return int(head[9:12]), body, b"connection: close" in lower


class _Generator:
    """The loop of one load."""

    def __init__(self, asked: Asked, load: Load) -> None:
        self._load, self._port = load, asked.port
        self._requests = [
            f"POST {asked.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body.encode())}\r\n\r\n{body}".encode()
            for body in asked.bodies
        ]
        self._expected = [[text.encode() for text in texts] for texts in asked.expected]
        self._selector = selectors.DefaultSelector()
        self._free: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._found: list[tuple[float, float, float, int, int]] = []
        self._numbers = iter(range(sys.maxsize))
        self._begun = 0.0

    def run(self) -> Answered:
        """Ask until the time is over, and wait for the last answers."""
        load, cpu_s = self._load, time.process_time()
        for _ in range(load.connections):
            self._connect()
        draw = random.Random(load.seed)
        self._begun = time.monotonic()
        due: deque[float] = deque()  # when requests were due that wait for a free connection
        next_s = 0.0 if load.per_s is not None else float("inf")
        look_s = LOOK_EVERY_S
        while True:
            now = self._now()
            while load.per_s is not None and next_s <= now and next_s < load.seconds:
                due.append(next_s)
                next_s += draw.expovariate(load.per_s)
            asking = now < load.seconds
            while self._free and (due or (load.per_s is None and asking)):
                self._ask(due.popleft() if due else now)
            if not asking and not self._busy and not due:
                break
            if now >= look_s:
                look_s = now + LOOK_EVERY_S
                for late in [one for one in self._busy if now - one.sent_s > load.timeout_s]:
                    self._lose(late)
            pause_s = max(0.0, (next_s if asking else now + LOOK_EVERY_S) - self._now())
            for key, _ in self._selector.select(min(pause_s, LOOK_EVERY_S)):
                self._read(key.data)
        for one in self._free:
            one.socket.close()
        return self._answered(time.process_time() - cpu_s)

    def _answered(self, cpu_s: float) -> Answered:
        due_s, sent_s, done_s, status, which = (np.array(column) for column in zip(*self._found, strict=True))
        return Answered(due_s, sent_s, done_s, status, which, self._begun, float(done_s.max()), cpu_s)

    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _connect(self) -> None:
        one = _Connection(self._port)
        self._selector.register(one.socket, selectors.EVENT_READ, one)
        self._free.append(one)

    def _ask(self, due_s: float) -> None:
        one = self._free.popleft()
        one.number, one.due_s, one.received = next(self._numbers), due_s, b""
        one.sent_s = self._now()
        self._busy.add(one)
        try:
            one.socket.sendall(self._requests[one.number % len(self._requests)])
        except OSError:
            self._lose(one)

    def _read(self, one: _Connection) -> None:
        try:
            data = one.socket.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._lose(one)
            return
        one.received += data
        found = one.answer()
        if found is None:
            return
        status, body, closes = found
        assert one.number is not None
        texts = self._expected[one.number % len(self._expected)]
        held = (place for place, text in enumerate(texts) if text in body)
        which = next(held, NOTHING) if status == 200 else NOTHING
        self._busy.discard(one)
        self._found.append((one.due_s, one.sent_s, self._now(), status, which))
        one.number = None
        if closes:
            self._replace(one)
        else:
            self._free.append(one)

    def _lose(self, one: _Connection) -> None:
        """Note that a request got no answer; a connection that ended while it was free cost none."""
        if one.number is not None:
            self._busy.discard(one)
            self._found.append((one.due_s, one.sent_s, self._now(), LOST, NOTHING))
        else:
            self._free.remove(one)
        self._replace(one)

    def _replace(self, one: _Connection) -> None:
        self._selector.unregister(one.socket)
        one.socket.close()
        self._connect()


def load(asked: Asked, how: Load) -> Answered:
    """Ask from a process of its own, and return what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "answered.npz"
        command = [sys.executable, str(Path(__file__).resolve()), str(out)]
        given = json.dumps({"asked": asdict(asked), "load": asdict(how)})
        subprocess.run(command, input=given, text=True, check=True)
        with np.load(out) as found:
            columns = {name: found[name] for name in found.files}
    return Answered(**{**columns, **{name: float(columns[name]) for name in ("begun", "seconds", "cpu_s")}})


def main() -> None:
    """Read what to ask from stdin, ask, and write what came of it to the file that is named."""
    given = json.load(sys.stdin)
    found = _Generator(Asked(**given["asked"]), Load(**given["load"])).run()
    np.savez(sys.argv[1], **asdict(found))


if __name__ == "__main__":
    main()
