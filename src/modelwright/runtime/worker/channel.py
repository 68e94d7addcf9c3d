"""The gateway's end of a worker: starts its process, asks it, notices when it is gone."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelwright.core.json_types import JsonLike, JsonObject
from modelwright.core.messages import PackageError, Problem
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import WritingTimes
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.package.manifest import SettledEntry
from modelwright.runtime.drivers.contract.driver import Load
from modelwright.runtime.memory import resident_bytes
from modelwright.runtime.worker import worker_process
from modelwright.runtime.worker.form import FormInput
from modelwright.runtime.worker.frames import Message, Unpacker, packed
from modelwright.runtime.worker.growing_lists import restored
from modelwright.runtime.worker.values import Crossing, RowAnswer, Unseen
from modelwright.runtime.worker_layout import WorkerLayout

NO_OPTIONS: Mapping[str, JsonLike] = MappingProxyType({})
_LEAVE_S = 5.0  # a worker whose socket is closed ends at once; longer than this, and it is killed


class WorkerLostError(Exception):
    """The worker ended before it answered."""


class WorkerStartError(PackageError):
    """The worker did not come up, and did not say that its package is to blame: this machine may be."""


@dataclass(frozen=True)
class Reply:
    """The end of an answer: what each row was answered, and what it took.

    times: as they were sent, for `written`.
    Without answers, `problems` say what is wrong with the rows; without these either, the body failed.
    """

    answers: Sequence[RowAnswer] | None
    queue_s: float
    inference_s: float
    batch_rows: int
    unseen: Unseen = ()
    times: Sequence[Sequence[float]] = ()
    problems: Sequence[Problem] = ()

    def written(self) -> Sequence[WritingTimes | None]:
        """Return of each row when its tokens came, counted from when it was sent; nothing where none was written so."""
        seconds = ([ms / 1e3 for ms in one] for one in self.times)
        return [WritingTimes(one[0], tuple(one[1:])) if one else None for one in seconds]


OnLoad = Callable[[Load, Load], None]

PartReply = Mapping[int, RowAnswer]
"""The answers so far of some rows, by their place in the request; newer ones replace older ones."""


class _Pending:
    """A request that was sent: `end` is its reply; `parts` what came since they were last taken."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.end: asyncio.Future[Reply] = loop.create_future()
        self.parts: dict[int, RowAnswer] = {}
        self.newest: dict[int, RowAnswer] = {}  # of each row, behind which the next one is sent
        self.news: asyncio.Future[None] | None = None  # somebody waits for a part or for the end

    def tell(self) -> None:
        """Wake whoever waits for news."""
        if self.news is not None and not self.news.done():
            self.news.set_result(None)

    async def more(self) -> None:
        """Wait until there is a part, or the end."""
        if not self.parts and not self.end.done():
            self.news = asyncio.get_running_loop().create_future()
            await self.news


class _Connection(asyncio.Protocol):
    """Reads frames and hands each reply to whoever waits for it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.hello: asyncio.Future[Message] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.waiting: dict[int, _Pending] = {}
        self.load = Load()
        self.on_load: OnLoad | None = None
        self.heard = time.monotonic()
        self.pinged: float | None = None  # when a question was sent that is not answered yet
        self._unpacker = Unpacker()

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        for kind, *rest in self._unpacker.feed(data):
            if kind in {"ready", "refused"}:
                if not self.hello.done():
                    self.hello.set_result([kind, *rest])
            elif kind == "part":
                self._part(*rest)
            elif kind == "load":
                self._load(Load(*rest[1]))
            elif kind == "pong":
                self.pinged = None
            else:
                self._end(kind, *rest)

    def watch(self, on_load: OnLoad) -> None:
        """Tell every change of the load from now on, and the one so far."""
        self.on_load = on_load
        on_load(Load(), self.load)

    def _load(self, load: Load) -> None:
        before, self.load = self.load, load
        if self.on_load is not None:
            self.on_load(before, load)

    def _part(self, request_id: int, places: Sequence[int], answers: Sequence[RowAnswer]) -> None:
        pending = self.waiting.get(request_id)
        if pending is not None:
            for place, sent in zip(places, answers, strict=True):
                pending.parts[place] = pending.newest[place] = restored(sent, pending.newest.get(place))
            pending.tell()

    def _end(self, kind: str, request_id: int, *rest: Any) -> None:
        pending = self.waiting.pop(request_id, None)
        if pending is not None and not pending.end.done():
            pending.end.set_result(_reply(kind, *rest))
            pending.tell()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.hello.done():
            self.hello.set_result(["lost"])
        if not self.lost.done():
            self.lost.set_result(None)
        self._load(replace(self.load, waiting=0, writing=0, cache_bytes=0))
        for pending in self.waiting.values():
            if not pending.end.done():
                pending.end.set_exception(WorkerLostError())
                pending.end.exception()  # seen: who asked may have left, and asyncio would print that nobody looked
                pending.tell()
        self.waiting.clear()


class Worker:
    """A running worker process. Made by `start`."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        transport: asyncio.Transport,
        connection: _Connection,
        signature: Signature,
        digest: str,
        *,
        streams: bool,
        confined: bool,
        form: Mapping[str, FormInput],
        settled: Mapping[str, SettledCells],
        classes: Mapping[str, Sequence[str]],
        layout: WorkerLayout,
        options: Mapping[str, JsonObject],
    ) -> None:
        self.options = options  # what may be asked beside the inputs, with the JSON schema of each
        self.layout = (
            layout  # with how many threads it answers, and how many workers this machine has room for
        )
        self.classes = (
            classes  # of each output, the names that it may be, or hold; none where its kind is open
        )
        self.form = form
        self.settled = settled  # how inputs were written in the training data
        self.signature = signature
        self.digest = digest
        self.streams = streams
        self.confined = confined  # whether the kernel keeps it from all files but the package
        self.process = process
        self._crossing = Crossing(signature)
        self._transport = transport
        self._connection = connection
        self._ids = count()
        self._unsent: list[bytes] = []

    @property
    def alive(self) -> bool:
        """Return whether the worker can answer."""
        return not self._connection.lost.done()

    def kill_if_silent(self, for_s: float) -> None:
        """Ask whether the worker still works; kill it where that waits for so long: its pass may never end."""
        now, connection = time.monotonic(), self._connection
        if connection.pinged is None:
            connection.pinged = now
            self._send(packed(["ping", 0]))
        elif now - max(connection.pinged, connection.heard) >= for_s:
            self.process.kill()

    def memory_bytes(self) -> int | None:
        """Return the memory that the process holds now, None where this system does not tell."""
        return resident_bytes(self.process.pid)

    async def ask(
        self, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike] = NO_OPTIONS
    ) -> Reply:
        """Return the worker's reply; raises WorkerLostError. Cancelled, the worker forgets it."""
        request_id, pending = self._begin(rows, options)
        try:
            return self._whole(await pending.end)
        except asyncio.CancelledError:
            self._leave(request_id)
            raise

    async def parts(
        self,
        rows: Sequence[Sequence[object]],
        options: Mapping[str, JsonLike] = NO_OPTIONS,
        *,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[PartReply | Reply, None]:
        """Yield the answers so far as they come, and the whole reply in the end.

        Who takes them slowly misses parts that newer ones have replaced. Raises WorkerLostError, and TimeoutError
        where nothing comes for `timeout_s`. Closed or cancelled, the worker ends its work.
        """
        request_id, pending = self._begin(rows, options)
        try:
            while True:
                async with asyncio.timeout(timeout_s):
                    await pending.more()
                if pending.parts:
                    found, pending.parts = pending.parts, {}
                    yield dict(zip(found, self._crossing.answers_in(list(found.values())), strict=True))
                else:
                    yield self._whole(pending.end.result())
                    return
        finally:
            self._leave(request_id)

    def _begin(
        self, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike]
    ) -> tuple[int, _Pending]:
        if not self.alive:
            raise WorkerLostError
        request_id = next(self._ids)
        pending = self._connection.waiting[request_id] = _Pending()
        self._send(
            packed(
                [
                    "ask",
                    request_id,
                    self._crossing.rows_out(rows),
                    time.monotonic(),
                    dict(options) if options else {},
                ]
            )
        )
        return request_id, pending

    def _leave(self, request_id: int) -> None:
        """Tell the worker that nobody waits any more, unless it has answered."""
        pending = self._connection.waiting.pop(request_id, None)
        if pending is not None:
            self._send(packed(["leave", request_id]))
            pending.end.cancel()

    def _whole(self, reply: Reply) -> Reply:
        if reply.answers is None:
            return reply
        answers = self._crossing.answers_in(reply.answers)
        return reply if answers is reply.answers else replace(reply, answers=answers)

    def watch_load(self, on_load: OnLoad) -> None:
        """Call `on_load(before, now)` whenever the worker tells what it has to do; once it is gone, that is nothing."""
        self._connection.watch(on_load)

    async def gone(self) -> None:
        """Wait until the worker is gone."""
        await asyncio.shield(self._connection.lost)

    async def drain(self, timeout_s: float | None) -> None:
        """Wait until every request is answered, but no longer than `timeout_s` (None: for ever)."""
        if self._connection.waiting:
            ends = [pending.end for pending in self._connection.waiting.values()]
            await asyncio.wait(ends, timeout=timeout_s)

    def _send(self, frame: bytes) -> None:
        # what is sent in one turn of the loop goes out in one system call
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
    package: Path,
    *,
    threads: int | None,
    max_batch: int | None,
    max_wait_s: float,
    timeout_s: float,
    bar_s: float | None = None,
    sharing: int = 1,
    device: str = "cpu",
) -> Worker:
    """Start a worker and wait until it can answer; raises PackageError with what kept it from that.

    threads: of each pass; None: as many as it finds best, of its share of the cores. max_batch: rows of a pass; None:
    as many as suit these threads. bar_s: the time that an answer may take, which its batches then keep to; None where
    there is no such bar. sharing: workers that share the cores. device: `auto`, `cpu` or `cuda`, of `serve.device`.
    """
    found = worker_process.started(package)
    process = found.process
    transport, connection = await asyncio.get_running_loop().create_unix_connection(
        _Connection, sock=found.connection
    )
    order = {
        "package": str(package),
        "threads": threads,
        "sharing": sharing,
        "max_batch": max_batch,
        "max_wait_s": max_wait_s,
        "bar_s": bar_s,
        "device": device,
    }
    transport.write(packed(["open", order]))
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
        _, signature, digest, streams, confined, form, settled, classes, layout, options = hello
        return Worker(
            process,
            transport,
            connection,
            Signature.parse(signature),
            digest,
            streams=streams,
            confined=confined,
            form={name: FormInput(**one) for name, one in form.items()},
            settled={name: SettledEntry.model_validate(one).settled() for name, one in settled.items()},
            classes=classes,
            layout=WorkerLayout(*layout),
            options=options,
        )
    transport.abort()
    await asyncio.to_thread(_end, process)
    raise _failure(hello, package, process.returncode, timeout_s)


def _reply(kind: str, *rest: Any) -> Reply:
    match kind:
        case "end":
            return Reply(*rest)
        case "misfit":
            queue_s, inference_s, rows, problems = rest
            found = [Problem.from_wire(one) for one in problems]
            return Reply(None, queue_s, inference_s, rows, problems=found)
        case _:
            return Reply(None, *rest)


def _failure(hello: Message, package: Path, code: int | None, timeout_s: float) -> PackageError:
    if hello[0] == "refused":
        problems = [Problem.from_wire(problem) for problem in hello[1]]
        return PackageError(problem.at(problem.where or str(package)) for problem in problems)
    late_s = timeout_s if hello[0] == "late" else None
    return WorkerStartError(Problem("serve.worker-start", where=str(package), seconds=late_s, code=code))


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
