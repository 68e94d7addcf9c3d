"""The gateway's heart: it loads the versions that should answer, and moves the traffic among them.

It asks again and again what the traffic should be, loads what is missing beside what answers, moves the shares, and
unloads what is not wanted any more after its last answer. Only the gateway moves traffic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from functools import partial
from typing import Any, TypeVar

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.gateway.background import keep_doing
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic import service_errors
from modelwright.gateway.traffic.desired_traffic import DesiredReleases, DesiredTraffic, DesiredVersion
from modelwright.gateway.traffic.passes import in_passes
from modelwright.gateway.traffic.pool import Pool, backoff_s
from modelwright.gateway.traffic.route import Route
from modelwright.gateway.traffic.served import Served
from modelwright.runtime.memory import free_bytes
from modelwright.runtime.row_reader import RowReader
from modelwright.runtime.worker.channel import NO_OPTIONS, PartReply, Reply, Worker, WorkerStartError, start

POLL_S = 0.25  # so that a rollback is done within a second of being asked for
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Gateway:
    """Holds the versions that answer. `run` follows the desired traffic until cancelled."""

    def __init__(
        self,
        function: str,
        config: ServeConfig,
        releases: DesiredReleases,
        telemetry: Telemetry,
        bar_s: float | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        """Serve `function` as `releases` say.

        bar_s: the time that an answer may take; memory_bytes: what the workers of a version may take together, where
        their number is not set. None: no such bar.
        """
        self._bar_s = bar_s
        self._memory_bytes = memory_bytes
        self.function = function
        self.config = config
        self.route: Route | None = None
        self.rows_under_way = 0
        self.starting = True  # until it is known whether the version that should answer first starts
        self._releases = releases
        self._telemetry = telemetry
        self._loaded: dict[DesiredVersion, Served] = {}
        self._loading: dict[DesiredVersion, asyncio.Task[None]] = {}
        self._done: DesiredTraffic | None = None  # the traffic that is as it should be
        self._refused: set[tuple[int, DesiredVersion]] = set()  # by release: does not start anywhere
        self._delayed: dict[DesiredVersion, tuple[int, float]] = {}  # tries, and when to try again
        self._tasks: set[asyncio.Task[None]] = set()
        # A thread that does nothing else: a rollback waits for no judgement, nor for the record's old rows to go.
        self._following = ThreadPoolExecutor(1, "releases")

    @property
    def current(self) -> Served | None:
        """Return the version with the largest share."""
        return self.route.main if self.route is not None else None

    @property
    def ready(self) -> bool:
        """Return whether a request would be answered now."""
        return self.route is not None and all(served.pool.alive for served, _ in self.route.shares)

    def loaded(self, number: int) -> Served | None:
        """Return a version that is loaded, by its number."""
        return next((one for version, one in self._loaded.items() if version.number == number), None)

    def classes(self, output: str) -> Iterator[str]:
        """Yield the names that an output may be, or hold, in the versions that are loaded; none of an open kind."""
        for served in self._loaded.values():
            yield from served.worker.classes.get(output, ())

    def versions(self) -> list[dict[str, object]]:
        """Return the versions that are loaded: their shares, whether one is only watched, workers, and their device."""
        shares = dict(self.route.shares) if self.route is not None else {}
        shadow = self.route.shadow if self.route is not None else None
        return [
            {
                "version": served.version,
                "share": shares.get(served, 0.0),
                "shadow": served is shadow,
                "workers": len(served.pool.workers),
                "device": served.worker.layout.device,
                "ready": served.pool.alive,
            }
            for served in sorted(self._loaded.values(), key=lambda one: one.version)
        ]

    async def run(self) -> None:
        """Follow the desired traffic until cancelled; what goes wrong once is logged and tried again."""
        await keep_doing(self._follow, POLL_S, _LOG, "could not look for a release")

    async def _follow(self) -> None:
        try:
            await self.follow_once()
        finally:
            self.starting = self.starting and bool(self._loading)

    async def follow_once(self) -> None:
        """Read the desired traffic once, and bring what answers nearer to it; waits a moment for what is loaded."""
        desired = await self._ask(partial(self._releases.desired_traffic, leads=True))
        if desired is None or (desired == self._done and not self._loading):
            return
        for version in self._loading.keys() - set(desired.versions):
            self._loading.pop(version).cancel()
        for version in desired.versions:
            if self._may_load(desired, version):
                self._loading[version] = self._spawn(self._load(desired.release_id, version))
        if self._loading:
            await asyncio.wait(self._loading.values(), timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        await self._move(desired)

    async def answer(
        self,
        served: Served,
        rows: Sequence[Sequence[object]],
        options: Mapping[str, JsonLike] = NO_OPTIONS,
        within_s: float | None = None,
    ) -> Reply:
        """Return a worker's reply; raises ServiceError, and RequestError for rows that only a worker can refuse.

        within_s: how long the client waits. When cancelled (its client left), or when nobody waits any longer, the
        worker forgets what it has not begun.
        """
        timeout_s = self._timeout_s(within_s)
        with self._admitted(served, len(rows), within_s):
            try:
                async with asyncio.timeout(timeout_s):
                    return await served.pool.answer(rows, options)
            except TimeoutError:
                raise service_errors.late(timeout_s) from None

    async def stream(
        self,
        served: Served,
        rows: Sequence[Sequence[object]],
        options: Mapping[str, JsonLike],
        within_s: float | None = None,
    ) -> AsyncGenerator[PartReply | Reply, None]:
        """Yield the answers so far as a worker makes them, and the whole reply in the end; raises as `answer`.

        Close the generator when the client leaves: the worker then ends its work. The time limit holds for each part;
        where the function answers once, a part is what one pass answers.
        """
        timeout_s = self._timeout_s(within_s)

        async def ask(some: Sequence[Sequence[object]]) -> Reply:
            async with asyncio.timeout(timeout_s):
                return await served.pool.answer(some, options)

        with self._admitted(served, len(rows), within_s):
            try:
                async with aclosing(
                    served.pool.stream(rows, options, timeout_s)
                    if served.worker.streams
                    else in_passes(ask, rows, self.config.batching.rows or served.worker.layout.rows)
                ) as parts:
                    async for part in parts:
                        yield part
            except TimeoutError:
                raise service_errors.late(timeout_s) from None

    async def stop(self) -> None:
        """Let what is under way finish, and end every worker."""
        for task in self._loading.values():
            task.cancel()
        loaded, self._loaded = list(self._loaded.values()), {}
        await asyncio.gather(*(served.pool.close(self.config.drain_s) for served in loaded))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._following.shutdown)

    def require_room(self) -> None:
        """Raise ServiceError where not one more row may be under way."""
        if self.rows_under_way and self.rows_under_way >= self.config.limits.queue:
            raise service_errors.overloaded(self.config.limits.queue)

    def _timeout_s(self, within_s: float | None) -> float:
        most_s = self.config.limits.timeout_s
        return most_s if within_s is None else min(most_s, max(within_s, 0.0))

    @contextmanager
    def _admitted(self, served: Served, rows: int, within_s: float | None) -> Iterator[None]:
        """Count rows as under way; raises ServiceError where there are too many, or would wait too long."""
        limits = self.config.limits
        if self.rows_under_way and self.rows_under_way + rows > limits.queue:
            raise service_errors.overloaded(limits.queue)
        waits_s = served.pool.waits_s()
        for most_s in (limits.queue_s, within_s):
            if most_s is not None and waits_s > most_s:
                raise service_errors.waits_too_long(waits_s, most_s)
        # who sets how long a request may wait decides it whatever the bar
        late_s = served.pool.late_s() if limits.queue_s is None else None
        if late_s is not None and self._bar_s is not None:
            raise service_errors.waits_too_long(late_s, self._bar_s)
        self.rows_under_way += rows
        try:
            with served.pool.under_way():
                yield
        finally:
            self.rows_under_way -= rows

    def _may_load(self, desired: DesiredTraffic, version: DesiredVersion) -> bool:
        _, again_at = self._delayed.get(version, (0, 0.0))
        return (
            version not in self._loaded
            and version not in self._loading
            and (desired.release_id, version) not in self._refused
            and time.monotonic() >= again_at
        )

    async def _load(self, release_id: int, version: DesiredVersion) -> None:
        """Load a version; report where it can start nowhere, and try again later where only this machine may be why."""
        try:
            served = await self._opened(version)
        except WorkerStartError as error:
            _LOG.error("version %d did not start: %s", version.number, error)
            tries = self._delayed.get(version, (0, 0.0))[0] + 1
            self._delayed[version] = (tries, time.monotonic() + backoff_s(tries))
        except PackageError as error:
            _LOG.error("version %d did not start: %s", version.number, error)
            self._refused.add((release_id, version))
            await self._ask(partial(self._releases.failed, release_id, version.number, error.problems[0]))
        except Exception:
            _LOG.exception("version %d did not start", version.number)
        else:
            self._delayed.pop(version, None)
            self._loaded[version] = served
            if not served.worker.confined:
                _LOG.warning("%s", Phrase("serve.not-confined", version=version.number))
        finally:
            if self._loading.get(version) is asyncio.current_task():  # else it is not wanted any more
                del self._loading[version]

    async def _move(self, desired: DesiredTraffic) -> None:
        """Move the traffic as far as versions are loaded, unload what is not wanted, and report once all is done."""
        loaded = {one.number: self._loaded[one] for one in desired.versions if one in self._loaded}
        route = Route.of(desired, loaded)
        if route is not None:
            if self._shows(route):
                self._done = None
            self.route = route
        complete = len(loaded) == len(desired.versions)
        answering = {served for served, _ in self.route.shares} if self.route is not None else set()
        for version, served in list(self._loaded.items()):
            if version not in desired.versions and served not in answering:
                del self._loaded[version]
                self._spawn(served.pool.close(self.config.drain_s))
        if complete and route is not None and desired != self._done:
            await self._ask(partial(self._releases.moved, desired))
            self._done = desired

    def _shows(self, route: Route) -> bool:
        """Log and count the shares where they differ from what they were, and tell whether they do."""
        if self.route is not None and route.shares == self.route.shares:
            return False
        self._telemetry.traffic([(served.version, share) for served, share in route.shares])
        for served, share in route.shares:
            _LOG.info("version %d answers %g %% of the traffic", served.version, round(100 * share, 4))
        return True

    async def _opened(self, version: DesiredVersion) -> Served:
        """Start the workers of a version: the first says how many suit it; raises PackageError."""
        config = self.config
        threads = config.threads

        async def start_one() -> Worker:
            nonlocal threads
            worker = await self._worker(version, threads)
            threads = worker.layout.threads  # whoever comes later is like the first, and times nothing
            return worker

        pool = await Pool.open(
            version.number,
            start_one,
            workers=1 if threads is None else config.workers or 1,
            silent_s=config.limits.timeout_s,
            memory_bytes=config.limits.memory,
            bar_s=self._bar_s,
        )
        worker = pool.workers[0]
        memory_bytes = worker.memory_bytes()
        workers = config.workers or worker.layout.within(memory_bytes, free_bytes(), self._memory_bytes)
        if self.route is None and config.workers is None:
            pool.grow_meanwhile(workers)  # until now nobody answers
        else:
            try:
                await pool.grow(workers)
            except asyncio.CancelledError:  # the version is not wanted any more
                await pool.close(0.0)
                raise
        memory_mib = (memory_bytes or 0) / 2**20
        _LOG.info(
            "%s",
            Phrase(
                "serve.layout",
                version=version.number,
                workers=workers,
                threads=worker.layout.threads,
                memory=memory_mib,
                device=worker.layout.device,
            ),
        )
        return Served(version, worker.signature, RowReader(worker.signature, worker.settled), pool)

    async def _worker(self, version: DesiredVersion, threads: int | None) -> Worker:
        """Start a worker of the very package that was judged; raises PackageError."""
        config = self.config
        worker = await start(
            version.package,
            threads=threads,
            sharing=config.workers or 1,
            max_batch=config.batching.rows,
            max_wait_s=config.batching.wait_ms / 1000,
            timeout_s=config.start_timeout_s,
            bar_s=self._bar_s,
            device=config.device,
        )
        problem = self._misfit(version, worker)
        if problem is not None:
            await worker.close()
            raise PackageError(problem)
        if worker.streams:
            worker.watch_load(self._telemetry.writing.load)
        return worker

    def _misfit(self, version: DesiredVersion, worker: Worker) -> Problem | None:
        """Return what keeps a worker that has started from answering, or None."""
        package, memory = str(version.package), self.config.limits.memory
        if worker.digest != version.digest:
            return Problem(
                "serve.other-package",
                where=package,
                version=version.number,
                judged=version.digest[:12],
                found_digest=worker.digest[:12],
            )
        if worker.signature.name != self.function:
            return Problem(
                "serve.other-function",
                where=package,
                function=self.function,
                signature=str(worker.signature),
            )
        size = worker.memory_bytes() if memory is not None else None
        if size is not None and memory is not None and size > memory:
            return Problem(
                "serve.too-much-memory", where=package, version=version.number, size=size, most=memory
            )
        return None

    async def _ask(self, work: Callable[[], T]) -> T:
        """Return what the releases say, from the thread that is theirs."""
        return await asyncio.get_running_loop().run_in_executor(self._following, work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
