"""The gateway's heart: which version answers, moving to another one, and outliving a worker that crashes.

It polls for the desired release (the newest that someone asked for), starts that version beside the old one,
moves the traffic, and lets the old one finish. Only the gateway moves traffic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from modelwright.core.messages import ModelwrightError, PackageError, Problem
from modelwright.core.signature import Signature
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.telemetry import Telemetry
from modelwright.runtime.row_reader import RowReader
from modelwright.runtime.worker.channel import Reply, Worker, WorkerLostError, WorkerStartError, start

POLL_S = 1.0
_FIRST_BACKOFF_S, _MAX_BACKOFF_S = 0.25, 15.0
_RETRY_AFTER_S = 1
_LOG = logging.getLogger(__name__)


class ServiceError(Exception):
    """The gateway cannot answer now: an HTTP status from 500 on, and when to try again."""

    def __init__(self, problem: Problem, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class DesiredRelease:
    """The version that should answer: a release, its version's number, its package's folder and digest."""

    release_id: int
    version: int
    package: Path
    digest: str


class DesiredReleases(Protocol):
    """Where releases are asked for and reported; called from a thread of its own, one call at a time."""

    def desired_release(self) -> DesiredRelease | None:
        """Return the release that should be serving, or None when there is none yet."""

    def moved(self, release_id: int) -> None:
        """Report that the traffic has moved to the release."""

    def failed(self, release_id: int, problem: Problem) -> None:
        """Report that the release could not start; what served before goes on."""


@dataclass
class Served:
    """A version that answers. Its worker is replaced when it crashes."""

    desired: DesiredRelease
    signature: Signature
    rows: RowReader
    worker: Worker
    retired: bool = False
    failures: int = 0  # starts in a row that came to nothing
    proven: bool = False  # whether this worker has answered
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def version(self) -> int:
        """Return the version's number."""
        return self.desired.version

    def announce(self) -> None:
        """Wake everyone who waits for the worker."""
        self.changed.set()
        self.changed = asyncio.Event()


class Gateway:
    """Holds the version that answers. `run` moves and mends it until it is cancelled."""

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
        told = ""
        while True:
            try:
                await self.follow_once()
                said = ""
            except ModelwrightError as error:
                if (said := str(error)) != told:  # once, not every second while it lasts
                    _LOG.error("%s", error)
            except Exception:
                said = ""
                _LOG.exception("could not look for a release")
            told = said
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
        self._spawn(self._mend(served))
        if old is not None:
            self._spawn(self._retire(old))
        _LOG.info("version %d answers", served.version)
        await asyncio.to_thread(self._desired.moved, desired.release_id)

    def _delay(self, desired: DesiredRelease) -> None:
        """Try a release again later: a worker that comes too late, or dies, may be this machine's fault alone."""
        self._delays = self._delays + 1 if self._delayed_release == desired.release_id else 1
        self._delayed_release = desired.release_id
        self._again_at = time.monotonic() + min(_FIRST_BACKOFF_S * 2**self._delays, _MAX_BACKOFF_S)

    async def answer(self, served: Served, rows: Sequence[Sequence[Any]]) -> Reply:
        """Return the worker's reply, asked once more where it crashed meanwhile; raises ServiceError.

        When cancelled (its client left), the worker forgets what it has not begun.
        """
        if self.rows_under_way and self.rows_under_way + len(rows) > self.config.limits.queue:
            raise _overloaded(self.config.limits.queue)
        self.rows_under_way += len(rows)
        try:
            async with asyncio.timeout(self.config.limits.timeout_s):
                return await self._asked(served, rows)
        except TimeoutError:
            served.worker.kill_if_silent(self.config.limits.timeout_s)
            raise _late(self.config.limits.timeout_s) from None
        finally:
            self.rows_under_way -= len(rows)

    async def stop(self) -> None:
        """Let what is under way finish, and end every worker."""
        if self.current is not None:
            await self._retire(self.current)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _asked(self, served: Served, rows: Sequence[Sequence[Any]]) -> Reply:
        for _ in range(2):
            while not served.worker.alive:
                # the first restart is worth waiting for; after that a client is better told to come back
                if served.retired or served.failures > 1:
                    raise _unavailable()
                await served.changed.wait()
            try:
                reply = await served.worker.ask(rows)
            except WorkerLostError:
                continue
            served.proven, served.failures = True, 0
            if reply.answers is None:
                raise _fault()
            return reply
        raise _unavailable()

    async def _start(self, desired: DesiredRelease) -> Served:
        worker = await self._worker(desired)
        signature = Signature.parse(worker.signature)
        if signature.name != self.function:
            await worker.close()
            raise PackageError(
                Problem(
                    "serve.other-function",
                    f"this gateway serves the function `{self.function}`",
                    f"a package of `{signature}`",
                    "release a version of this function, or start a gateway for the other one",
                    str(desired.package),
                )
            )
        return Served(desired, signature, RowReader(signature), worker)

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
                    f"version {desired.version} is the package that was judged, {desired.digest[:12]}",
                    f"another one in its place, {worker.digest[:12]}",
                    "restore the store from a copy, or make the package again: modelwright package --force",
                    str(desired.package),
                )
            )
        return worker

    async def _mend(self, served: Served) -> None:
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

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def not_ready() -> ServiceError:
    """Return the error of a gateway that has no version yet."""
    return ServiceError(
        Problem(
            "serve.not-ready",
            "a request needs a released version",
            "no version that has started",
            "try again in a moment; `modelwright release` brings a version out",
        ),
        503,
        _RETRY_AFTER_S,
    )


def _overloaded(queue: int) -> ServiceError:
    return ServiceError(
        Problem(
            "serve.overloaded",
            f"at most {queue:,} rows are under way at a time",
            "more than that",
            "try again in a moment, or send fewer rows at a time",
        ),
        503,
        _RETRY_AFTER_S,
    )


def _unavailable() -> ServiceError:
    return ServiceError(
        Problem(
            "serve.unavailable",
            "a request is answered by a running worker",
            "one that ended and is being started again",
            "try again in a moment",
        ),
        503,
        _RETRY_AFTER_S,
    )


def _late(timeout_s: float) -> ServiceError:
    return ServiceError(
        Problem(
            "serve.timeout",
            f"a request is answered within {timeout_s:g} s",
            "one that was not",
            "try again, or send fewer rows at a time",
        ),
        504,
    )


def _fault() -> ServiceError:
    return ServiceError(
        Problem(
            "serve.body-failed",
            "the body answers every input that the signature takes",
            "an input that made it fail",
            "tell the operator the request's id; the worker's log has the cause",
        ),
        500,
    )
