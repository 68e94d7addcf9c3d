"""The gateway's heart: which version answers, moving to another one, and outliving a worker that crashes.

It polls for the desired release (the newest request), starts that version beside the old one,
moves the traffic, and lets the old one finish. Only the gateway moves traffic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import ModelwrightError, PackageError, Phrase, Problem, RequestError
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic import service_errors
from modelwright.gateway.traffic.desired_release import DesiredRelease, DesiredReleases
from modelwright.gateway.traffic.served import Served
from modelwright.runtime.row_reader import RowReader
from modelwright.runtime.worker.channel import (
    NO_OPTIONS,
    PartReply,
    Reply,
    Worker,
    WorkerLostError,
    WorkerStartError,
    start,
)

POLL_S = 1.0
_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 0.25, 15.0
_LOG = logging.getLogger(__name__)


class Gateway:
    """Holds the version that answers. `run` follows the desired release and restarts workers until cancelled."""

    def __init__(
        self, function: str, config: ServeConfig, releases: DesiredReleases, telemetry: Telemetry
    ) -> None:
        self.function = function
        self.config = config
        self.current: Served | None = None
        self.rows_under_way = 0
        self._desired = releases
        self._telemetry = telemetry
        self._refused_release: int | None = None
        self._delayed_release: int | None = None  # did not start here, which says nothing about its package
        self._delays, self._again_at = 0, 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Return whether a request would be answered now."""
        return self.current is not None and self.current.worker.alive

    async def run(self) -> None:
        """Follow the desired release until cancelled; what goes wrong once is logged and tried again."""
        logged = ""
        while True:
            message = ""
            try:
                await self.follow_once()
            except ModelwrightError as error:
                message = str(error)
                if message != logged:  # once, not every second while it lasts
                    _LOG.error("%s", error)
            except Exception:
                _LOG.exception("could not look for a release")
            logged = message
            await asyncio.sleep(POLL_S)

    async def follow_once(self) -> None:
        """Read the desired release once, and make it serve."""
        desired = await asyncio.to_thread(self._desired.desired_release)
        if desired is None or desired.release_id == self._refused_release:
            return
        if self.current is not None and self.current.desired.release_id == desired.release_id:
            return
        if desired.release_id == self._delayed_release and time.monotonic() < self._again_at:
            return
        try:
            served = await self._start(desired)
        except PackageError as error:
            _LOG.error("version %d did not start: %s", desired.version, error)
            if isinstance(error, WorkerStartError):
                self._delay(desired)
                return
            self._refused_release = desired.release_id
            await asyncio.to_thread(self._desired.failed, desired.release_id, error.problems[0])
            return
        self._delayed_release, self._delays = None, 0
        old, self.current = self.current, served
        self._telemetry.traffic([(served.version, 1.0)])
        self._spawn(self._restart(served))
        if not served.worker.confined:
            _LOG.warning("%s", Phrase("serve.not-confined", version=served.version))
        if old is not None:
            self._spawn(self._retire(old))
        _LOG.info("version %d answers", served.version)
        await asyncio.to_thread(self._desired.moved, desired.release_id)

    def _delay(self, desired: DesiredRelease) -> None:
        """Try a release again later: a worker that comes too late, or dies, may be this machine's fault alone."""
        self._delays = self._delays + 1 if self._delayed_release == desired.release_id else 1
        self._delayed_release = desired.release_id
        self._again_at = time.monotonic() + min(_FIRST_BACKOFF_S * 2**self._delays, _MAX_BACKOFF_S)

    async def answer(
        self, served: Served, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike] = NO_OPTIONS
    ) -> Reply:
        """Return the worker's reply, sent the rows once more where it crashed meanwhile; raises ServiceError.

        When cancelled (its client left), the worker forgets what it has not begun.
        """
        timeout_s = self.config.limits.timeout_s
        self._admit(len(rows))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answered_by(served, rows, options)
        except TimeoutError:
            served.worker.kill_if_silent(timeout_s)
            raise service_errors.late(timeout_s) from None
        finally:
            self.rows_under_way -= len(rows)

    async def stream(
        self, served: Served, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike]
    ) -> AsyncGenerator[PartReply | Reply, None]:
        """Yield the answers so far as the worker makes them, and the whole reply in the end; raises ServiceError.

        The rows are sent once more where it crashed before the first part. Close the generator when the client leaves:
        the worker then ends its work. The time limit holds for each part.
        """
        timeout_s = self.config.limits.timeout_s
        self._admit(len(rows))
        try:
            for _ in range(2):
                await self._alive(served)
                begun = False
                try:
                    async with aclosing(served.worker.parts(rows, options, timeout_s=timeout_s)) as parts:
                        async for part in parts:
                            begun = True
                            if isinstance(part, Reply):
                                _require_answers(served, part)
                            yield part
                    return
                except WorkerLostError:
                    if begun:
                        break
                except TimeoutError:
                    served.worker.kill_if_silent(timeout_s)
                    raise service_errors.late(timeout_s) from None
            raise service_errors.unavailable()
        finally:
            self.rows_under_way -= len(rows)

    def _admit(self, rows: int) -> None:
        """Count rows as under way; raises ServiceError where there are too many."""
        queue = self.config.limits.queue
        if self.rows_under_way and self.rows_under_way + rows > queue:
            raise service_errors.overloaded(queue)
        self.rows_under_way += rows

    async def stop(self) -> None:
        """Let what is under way finish, and end every worker."""
        if self.current is not None:
            await self._retire(self.current)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answered_by(
        self, served: Served, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike]
    ) -> Reply:
        for _ in range(2):
            await self._alive(served)
            try:
                reply = await served.worker.ask(rows, options)
            except WorkerLostError:
                continue
            _require_answers(served, reply)
            return reply
        raise service_errors.unavailable()

    async def _alive(self, served: Served) -> None:
        """Wait until the version's worker can answer; raises ServiceError where that may take long."""
        while not served.worker.alive:
            # the first restart is worth waiting for; after that a client should come back
            if served.retired or served.failures > 1:
                raise service_errors.unavailable()
            await served.changed.wait()

    async def _start(self, desired: DesiredRelease) -> Served:
        worker = await self._worker(desired)
        signature = worker.signature
        if signature.name != self.function:
            await worker.close()
            raise PackageError(
                Problem(
                    "serve.other-function",
                    where=str(desired.package),
                    function=self.function,
                    signature=str(signature),
                )
            )
        return Served(desired, signature, RowReader(signature, worker.settled), worker)

    async def _worker(self, desired: DesiredRelease) -> Worker:
        """Start a worker of the very package that was judged; raises PackageError."""
        worker = await start(
            desired.package,
            threads=self.config.threads,
            max_batch=self.config.batching.rows,
            max_wait_s=self.config.batching.wait_ms / 1000,
            timeout_s=self.config.start_timeout_s,
        )
        if worker.digest != desired.digest:
            await worker.close()
            raise PackageError(
                Problem(
                    "serve.other-package",
                    where=str(desired.package),
                    version=desired.version,
                    judged=desired.digest[:12],
                    found_digest=worker.digest[:12],
                )
            )
        return worker

    async def _restart(self, served: Served) -> None:
        """Replace the worker whenever it is gone, ever more slowly while that does not help."""
        while True:
            await served.worker.gone()
            if served.retired:
                return
            served.failures += not served.proven
            served.proven = False
            _LOG.error("the worker of version %d ended; it is started again", served.version)
            await served.worker.close()
            while not served.worker.alive:
                if served.failures:
                    served.announce()
                    await asyncio.sleep(min(_FIRST_BACKOFF_S * 2**served.failures, _MAX_BACKOFF_S))
                try:
                    served.worker = await self._worker(served.desired)
                except PackageError as error:
                    served.failures += 1
                    _LOG.error("version %d did not start again: %s", served.version, error)
            served.announce()
            if served.retired:  # while it was being started
                await served.worker.close()
                return

    async def _retire(self, served: Served) -> None:
        served.retired = True
        served.announce()
        await served.worker.drain(self.config.drain_s)
        await served.worker.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _require_answers(served: Served, reply: Reply) -> None:
    """Note that the worker answers; raises ServiceError where the body failed, RequestError for misfits."""
    served.proven, served.failures = True, 0
    if reply.problems:
        raise RequestError(reply.problems)
    if reply.answers is None:
        raise service_errors.body_failed()
