"""The gateway's end of a worker: starts its process, asks it, notices when it is gone."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from modelwright.core.messages import PackageError, Problem
from modelwright.runtime.worker.frames import Unpacker, packed

_LEAVE_S = 5.0  # a worker whose socket is closed ends at once; longer than this, and it is killed


class WorkerLostError(Exception):
    """The worker ended before it answered."""


class WorkerStartError(PackageError):
    """The worker did not come up, and did not say that its package is to blame: this machine may be."""


@dataclass(frozen=True)
class Reply:
    """What a worker answered: for each row each output's [value, confidence]; None where the body failed."""

    answers: list[list[list[Any]]] | None
    queue_s: float
    inference_s: float
    batch_rows: int


class _Connection(asyncio.Protocol):
    """Reads frames and hands each reply to whoever waits for it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.hello: asyncio.Future[list[Any]] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.waiting: dict[int, asyncio.Future[Reply]] = {}
        self.heard = time.monotonic()
        self._unpacker = Unpacker()

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        for message in self._unpacker.feed(data):
            if isinstance(message[0], str):
                if not self.hello.done():
                    self.hello.set_result(message)
                continue
            waiter = self.waiting.pop(message[0], None)
            if waiter is not None and not waiter.done():
                waiter.set_result(Reply(*message[1:]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.hello.done():
            self.hello.set_result(["lost"])
        if not self.lost.done():
            self.lost.set_result(None)
        for waiter in self.waiting.values():
            if not waiter.done():
                waiter.set_exception(WorkerLostError())
        self.waiting.clear()


class Worker:
    """A running worker process. Made by `start`."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        transport: asyncio.Transport,
        connection: _Connection,
        signature: str,
        digest: str,
    ) -> None:
        self.signature = signature
        self.digest = digest
        self.process = process
        self._transport = transport
        self._connection = connection
        self._ids = count()
        self._unsent: list[bytes] = []

    @property
    def alive(self) -> bool:
        """Return whether the worker can be asked."""
        return not self._connection.lost.done()

    @property
    def asked(self) -> int:
        """Return how many requests it has not answered yet."""
        return len(self._connection.waiting)

    def kill_if_silent(self, for_s: float) -> None:
        """Kill the process if it has been busy for that long without a single answer: it may never end."""
        if time.monotonic() - self._connection.heard >= for_s:
            self.process.kill()

    async def ask(self, rows: Sequence[Sequence[Any]]) -> Reply:
        """Return the worker's reply; raises WorkerLostError. Cancelled, the worker forgets it."""
        if not self.alive:
            raise WorkerLostError
        if not self._connection.waiting:
            self._connection.heard = time.monotonic()  # it owed nothing until now
        request_id = next(self._ids)
        waiter: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._connection.waiting[request_id] = waiter
        self._send(packed([request_id, rows, time.monotonic()]))
        try:
            return await waiter
        except asyncio.CancelledError:
            if self._connection.waiting.pop(request_id, None) is not None:
                self._send(packed([request_id]))
            raise

    async def gone(self) -> None:
        """Wait until the worker is gone."""
        await asyncio.shield(self._connection.lost)

    async def drain(self, timeout_s: float) -> None:
        """Wait until every request is answered, but no longer than `timeout_s`."""
        if self._connection.waiting:
            await asyncio.wait(list(self._connection.waiting.values()), timeout=timeout_s)

    def _send(self, frame: bytes) -> None:
        # what is asked in one turn of the loop goes out in one system call
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(frame)

    def _flush(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    async def close(self) -> None:
        """End the process and wait for its end."""
        self._transport.close()
        await asyncio.to_thread(_end, self.process)


async def start(
    package: Path, *, threads: int | None, max_batch: int, max_wait_s: float, timeout_s: float
) -> Worker:
    """Start a worker and wait until it can answer; raises PackageError with what kept it from that."""
    ours, theirs = socket.socketpair()
    command = [
        *(
            sys.executable,
            "-P",
            "-m",
            "modelwright.runtime.worker.worker",
        ),  # -P: no module of the working folder
        *("--package", str(package), "--socket", str(theirs.fileno())),
        *("--max-batch", str(max_batch), "--max-wait-s", str(max_wait_s)),
        *(("--threads", str(threads)) if threads else ()),
    ]
    # A session of its own: Ctrl-C in a terminal reaches the gateway alone, which lets its workers finish.
    process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
        command,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    transport, connection = await asyncio.get_running_loop().create_unix_connection(_Connection, sock=ours)
    try:
        hello = await asyncio.wait_for(asyncio.shield(connection.hello), timeout_s)
    except TimeoutError:
        hello = ["late"]
    except asyncio.CancelledError:
        transport.abort()
        process.kill()
        process.wait()
        raise
    if hello[0] == "ready":
        return Worker(process, transport, connection, hello[1], hello[2])
    transport.abort()
    await asyncio.to_thread(_end, process)
    raise _failure(hello, package, process.returncode, timeout_s)


def _failure(hello: list[Any], package: Path, code: int | None, timeout_s: float) -> PackageError:
    if hello[0] == "failed":
        return PackageError(
            Problem(p["id"], p["rule"], p["found"], p["next"], p["where"] or str(package)) for p in hello[1]
        )
    found = f"no answer within {timeout_s:g} s" if hello[0] == "late" else f"it ended with code {code}"
    return WorkerStartError(
        Problem(
            "serve.worker-start",
            "a version's worker loads its package and says that it is ready",
            found,
            "look at what the worker printed; `modelwright predict` runs the same package here",
            str(package),
        )
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
