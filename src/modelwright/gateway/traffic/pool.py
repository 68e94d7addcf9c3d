"""The workers of one version: a request goes to one with little to do, and one that is gone is replaced."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Self

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import PackageError, Phrase, Problem, RequestError
from modelwright.gateway.traffic import service_errors
from modelwright.gateway.traffic.punctuality import Punctuality
from modelwright.runtime.batching import ROW_SIZE
from modelwright.runtime.worker.channel import PartReply, Reply, Worker, WorkerLostError

_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 0.25, 15.0
_MOST_BETWEEN_S = 1.0  # looks at the workers' memory and silence
# The weight of one answer among those before it: a pass that the machine held up refuses nobody for long.
_LEARNING_UP, _LEARNING_DOWN = 0.02, 0.2
# A worker may have so many requests like this one more to do than the least busy one has, and still get it where it
# answers its like: they share passes with less padding. With two workers and 32 connections (MiniLM, questions of
# Banking77), 741 to 756 answers a second came of 2 to 4, and 669 of none.
_MORE_TO_DO = 4
_LEARNING_SIZE = 0.1  # the weight of one request in the size of those that a worker answers
_LOG = logging.getLogger(__name__)

Start = Callable[[], Awaitable[Worker]]


def backoff_s(failures: int) -> float:
    """Return how long to wait before a start after so many in a row that came to nothing."""
    # a start that fails for hours has failed more often than a power of two has room for
    return min(_FIRST_BACKOFF_S * 2.0 ** min(failures, 10), _MAX_BACKOFF_S)


class _Place:
    """A place for a worker, and how it went with those who stood there."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.rows = 0  # under way
        self.work = 0  # of these, in the unit of their size
        self.row_size = 0.0  # of the rows that it answers, as far as the last ones tell
        self.failures = 0  # starts in a row that came to nothing
        self.proven = False  # whether this worker has answered
        self.renewing = False  # another worker is being started, to take its place

    @contextmanager
    def busy(self, rows: int, work: int) -> Iterator[None]:
        self.rows += rows
        self.work += work
        self.row_size += _LEARNING_SIZE * (work / max(rows, 1) - self.row_size)
        try:
            yield
        finally:
            self.rows -= rows
            self.work -= work


class Pool:
    """The workers of one version. Made by `open`, ended by `close`."""

    def __init__(
        self,
        version: int,
        start: Start,
        workers: Sequence[Worker],
        memory_bytes: int | None,
        bar_s: float | None = None,
    ) -> None:
        self.retired = False  # nothing new should come; what is under way is still answered
        self._closed = False  # nothing is answered any more
        self._requests = 0  # under way, also between two passes, and while they wait for a worker
        self._version = version
        self._start = start
        self._memory_bytes = memory_bytes
        self._punctuality = None if bar_s is None else Punctuality(bar_s)
        self._places = [_Place(worker) for worker in workers]
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._row_s = 0.0  # of the last passes, seconds a row

    @classmethod
    async def open(
        cls,
        version: int,
        start: Start,
        *,
        workers: int,
        silent_s: float,
        memory_bytes: int | None = None,
        bar_s: float | None = None,
    ) -> Self:
        """Start the workers of a version, all at once; raises PackageError when one of them does not start.

        start: starts one worker. silent_s: a worker that owes an answer and says nothing for that long is replaced;
        so is one that takes more than `memory_bytes`, after it has answered what it was asked. bar_s: the time that
        nearly all answers must stay below.
        """
        pool = cls(version, start, await _all_of(start, workers), memory_bytes, bar_s)
        for place in pool._places:
            pool._spawn(pool._keep(place))
        pool._spawn(pool._watch(silent_s))
        return pool

    async def grow(self, workers: int) -> None:
        """Start workers until there are so many; where one does not start, there are fewer, and that is logged."""
        try:
            started = await _all_of(self._start, workers - len(self._places))
        except PackageError as error:
            _LOG.warning(
                "%s", Phrase("serve.fewer-workers", version=self._version, workers=len(self._places))
            )
            _LOG.warning("version %d: %s", self._version, error)
            return
        if self.retired:
            await asyncio.gather(*(worker.close() for worker in started))
            return
        for worker in started:
            place = _Place(worker)
            self._places.append(place)
            self._spawn(self._keep(place))
        self._announce()

    def grow_meanwhile(self, workers: int) -> None:
        """Do as `grow`, while those that are there answer."""
        self._spawn(self.grow(workers))

    @property
    def alive(self) -> bool:
        """Return whether a worker can answer."""
        return any(place.worker.alive for place in self._places)

    @property
    def workers(self) -> list[Worker]:
        """Return the workers as they are now; the first one stands for all where they are alike."""
        return [place.worker for place in self._places]

    def waits_s(self) -> float:
        """Return how long a request would wait that came now, as far as the last passes tell."""
        return self._least_rows() * self._row_s

    def late_s(self) -> float | None:
        """Return how long the answer to a row that came now would take, where nearly all must be faster; else None.

        What an idle worker takes is never late: sooner it cannot be asked. A list is judged as one row, or it would
        find no moment that suits it.
        """
        ahead, punctuality = self._least_rows(), self._punctuality
        expected_s = (ahead + 1) * self._row_s
        if punctuality is None or not ahead or punctuality.admits(expected_s):
            return None
        return punctuality.time_s(expected_s)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Hold the workers while a request is under way: one that asks several times needs them until its end."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            if self.retired and not self._requests:
                self._announce()

    async def answer(self, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike]) -> Reply:
        """Return a worker's reply, asked of another one where the first is lost; raises ServiceError, RequestError."""
        work, begun, waited = _work(rows), time.monotonic(), self._least_rows() > 0
        with self.under_way():
            for _ in range(2):
                place = await self._free(len(rows), work)
                with place.busy(len(rows), work):
                    try:
                        reply = await place.worker.ask(rows, options)
                    except WorkerLostError:
                        continue
                self._learn(reply)
                if self._punctuality is not None:
                    alone_s = len(rows) * self._row_s
                    self._punctuality.learn(time.monotonic() - begun, alone_s, waited=waited)
                _require_answers(place, reply)
                return reply
            raise service_errors.unavailable()

    async def stream(
        self, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike], timeout_s: float
    ) -> AsyncGenerator[PartReply | Reply, None]:
        """Yield the answers so far as a worker makes them, and the whole reply in the end.

        Asked of another worker where the first is lost before its first part. Raises as `answer`, and TimeoutError.
        """
        work = _work(rows)
        for _ in range(2):
            place = await self._free(len(rows), work)
            begun = False
            with place.busy(len(rows), work):
                try:
                    async with aclosing(place.worker.parts(rows, options, timeout_s=timeout_s)) as parts:
                        async for part in parts:
                            begun = True
                            if isinstance(part, Reply):
                                self._learn(part)
                                _require_answers(place, part)
                            yield part
                    return
                except WorkerLostError:
                    if begun:
                        break
        raise service_errors.unavailable()

    async def close(self, drain_s: float) -> None:
        """Let what is under way finish, but no longer than `drain_s`, and end the workers."""
        self.retired = True
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                # not what each worker owes now: a request may be asked again of another one, or has passes to come
                while self._requests:
                    await self._changed.wait()
        self._closed = True
        self._announce()
        workers = self.workers
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in {*workers, *self.workers}))

    def _least_rows(self) -> int:
        """Return the rows under way at the worker that has the fewest."""
        return min((place.rows for place in self._places if place.worker.alive), default=0)

    def _learn(self, reply: Reply) -> None:
        if reply.batch_rows:
            seen = reply.inference_s / reply.batch_rows
            learning = _LEARNING_UP if seen > self._row_s else _LEARNING_DOWN
            self._row_s += learning * (seen - self._row_s) if self._row_s else seen

    async def _free(self, rows: int, work: int) -> _Place:
        """Return the place that answers rows of so much work; raises ServiceError where no worker may come soon."""
        while True:
            alive = [place for place in self._places if place.worker.alive]
            if alive:
                return _chosen(alive, rows, work)
            # the first restart is worth waiting for; after that a client should come back
            if self._closed or all(place.failures > 1 for place in self._places):
                raise service_errors.unavailable()
            await self._changed.wait()

    async def _keep(self, place: _Place) -> None:
        """Replace the worker of a place whenever it is gone, ever more slowly while that does not help."""
        while True:
            worker = place.worker
            await worker.gone()
            if place.worker is not worker:  # replaced before it went
                continue
            if self.retired and not self._requests:
                return
            place.failures += not place.proven
            place.proven = False
            _LOG.error("a worker of version %d ended; it is started again", self._version)
            await worker.close()
            while place.worker is worker:
                if place.failures:
                    self._announce()
                    await asyncio.sleep(backoff_s(place.failures))
                try:
                    place.worker = await self._start()
                except PackageError as error:
                    place.failures += 1
                    _LOG.error("version %d did not start again: %s", self._version, error)
            self._announce()

    async def _watch(self, silent_s: float) -> None:
        """End workers that hang, and replace those that have grown too large."""
        while True:
            await asyncio.sleep(min(silent_s / 4, _MOST_BETWEEN_S))
            for place in self._places:
                place.worker.kill_if_silent(silent_s)
                if self._memory_bytes is None or place.renewing or not place.worker.alive:
                    continue
                size = place.worker.memory_bytes()
                if size is not None and size > self._memory_bytes:
                    problem = Problem(
                        "serve.worker-grown", version=self._version, size=size, most=self._memory_bytes
                    )
                    _LOG.warning("%s", problem)
                    place.renewing = True
                    self._spawn(self._renew(place))

    async def _renew(self, place: _Place) -> None:
        """Put a new worker in the place of one that still answers, and let that one finish."""
        try:
            old, place.worker = place.worker, await self._start()
        except PackageError as error:
            _LOG.error("version %d did not start again: %s", self._version, error)
            await asyncio.sleep(_MAX_BACKOFF_S)
        else:
            self._announce()
            self._spawn(_finish(old))
        finally:
            place.renewing = False

    def _announce(self) -> None:
        """Wake everyone who waits for a worker."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _all_of(start: Start, workers: int) -> list[Worker]:
    """Start so many workers at once; raises PackageError when one of them does not start, and ends the others."""
    starting = [asyncio.ensure_future(start()) for _ in range(workers)]
    try:
        return await asyncio.gather(*starting)
    except BaseException:
        for one in starting:
            one.cancel()
        for ended in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(ended, Worker):
                await ended.close()
        raise


async def _finish(worker: Worker) -> None:
    """Let a worker answer what it was asked, and end it."""
    try:
        await worker.drain(None)
    finally:
        await worker.close()


def _chosen(places: Sequence[_Place], rows: int, work: int) -> _Place:
    """Return an idle place, else of those with little to do the one whose rows are most like these in size."""
    if len(places) == 1:
        return places[0]
    most = min(place.work for place in places) + _MORE_TO_DO * work
    size = work / max(rows, 1)
    little = [place for place in places if place.work <= most]
    return min(little, key=lambda place: (place.rows > 0, abs(place.row_size - size)))


def _work(rows: Sequence[Sequence[object]]) -> int:
    """Return roughly what rows cost: the characters of their texts, and what each row costs beside these."""
    texts = (len(value) for row in rows for value in row if isinstance(value, str))
    return ROW_SIZE * len(rows) + sum(texts)


def _require_answers(place: _Place, reply: Reply) -> None:
    """Note that the worker answers; raises ServiceError where the body failed, RequestError for misfits."""
    place.proven, place.failures = True, 0
    if reply.problems:
        raise RequestError(reply.problems)
    if reply.answers is None:
        raise service_errors.body_failed()
