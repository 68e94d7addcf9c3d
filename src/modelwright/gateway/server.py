"""Starts the gateway: its address, its key, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from modelwright.core.evidence.labelled_rows import EVERY_LABEL, LabelPolicy
from modelwright.core.messages import ModelwrightError
from modelwright.core.requirements.requirement import Requirement
from modelwright.gateway.address import listen, require_certificate, url_of
from modelwright.gateway.audit_log import AuditLog
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http.admin import Admin
from modelwright.gateway.http.admission import Admission
from modelwright.gateway.http.app import Application, Background
from modelwright.gateway.http.browsers import LocalHosts
from modelwright.gateway.http.feedback import Feedback
from modelwright.gateway.http.predictions import Predictions
from modelwright.gateway.http.protocol import BoundedProtocol, close_stalled
from modelwright.gateway.keys import Keys
from modelwright.gateway.operations import Operations
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic.desired_traffic import DesiredReleases
from modelwright.gateway.traffic.lease import LeasedReleases
from modelwright.monitors import live_requirements
from modelwright.runtime.log_lines import BoundedHandler
from modelwright.storage.traffic.record import LiveRecord

_PRUNE_EVERY_S = 3600.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """How live traffic is recorded and judged: the record's file, and the bars for the last `window_s`.

    labels: whose labels count for the accuracy that feedback shows.
    """

    record: Path
    requirements: Sequence[Requirement] = ()
    confidence: float = 0.95
    window_s: float = 3600.0
    refresh_s: float = 15.0
    labels: LabelPolicy = EVERY_LABEL


class Server:
    """A gateway that listens. `run` serves until `stop` is called; `url` is where."""

    def __init__(
        self,
        function: str,
        config: ServeConfig,
        releases: DesiredReleases,
        *,
        live: Live | None = None,
        bar_s: float | None = None,
        operations: Operations | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Take the address; raises MachineError where that is refused, StateError for a broken record.

        bar_s: the time that an answer may take, None where none is required; operations: what `/admin` acts on.
        """
        keys = Keys(config.keys, environment)
        if config.tls is not None:
            require_certificate(config.tls)
        self.audit_file = config.audit
        self._audit = AuditLog(Path(config.audit) if config.audit is not None else None)
        self._socket = listen(config, has_keys=keys.required)
        self.url = url_of(self._socket, "http" if config.tls is None else "https")
        self.telemetry = Telemetry(function)
        self._config = config
        self._live = live if config.record.enabled else None
        self._record: LiveRecord | None = None
        self._leased: LeasedReleases | None = None
        background: list[Background] = [self._close_stalled]
        if self._live is not None:
            try:
                self._record = LiveRecord.open(self._live.record)
            except BaseException:
                self._socket.close()
                raise
            releases = self._leased = LeasedReleases(releases, self._record)
            background += [self._show_requirements, self._prune]
        self.gateway = Gateway(function, config, releases, self.telemetry, bar_s)
        recorder = self._record.record if self._record else None
        admission = Admission(keys, self._audit, LocalHosts([config.host, *config.hosts]))
        predictions = Predictions(self.gateway, config, self.telemetry, recorder, admission, self._audit)
        feedback = Feedback(self.gateway, config, self.telemetry, self._record)
        self.application = Application(
            self.gateway,
            predictions,
            self.telemetry,
            admission,
            feedback,
            Admin(self.gateway, admission, operations),
            background,
        )
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self.application,
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, round(config.drain_s)),
                ssl_certfile=config.tls.certificate if config.tls is not None else None,
                ssl_keyfile=config.tls.key if config.tls is not None else None,
            )
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT (in the main thread), or `stop`; lets what is under way finish."""
        before = _ignore_repeats()
        _allow_connections()
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(_not_cut_off)
        try:
            self._uvicorn.run([self._socket])
        finally:
            logger.removeFilter(_not_cut_off)
            self._socket.close()
            self._audit.close()
            if self._record is not None:
                self._record.close()
            if self._leased is not None:
                self._leased.give_back()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Ask the server to end, from any thread; `run` returns when it has."""
        self._uvicorn.should_exit = True

    async def _close_stalled(self) -> None:
        await close_stalled(self._uvicorn.server_state, self._config.limits.body_timeout_s)

    async def _show_requirements(self) -> None:
        """Show the live requirements as gauges, again and again."""
        live, record = self._live, self._record
        assert live is not None
        assert record is not None
        while True:
            route = self.gateway.route
            with contextlib.suppress(ModelwrightError):  # the writer of the record has logged it
                seen = {
                    served.version: await asyncio.to_thread(
                        live_requirements.judge_live,
                        record,
                        live.requirements,
                        version=served.version,
                        since=time.time() - live.window_s,
                        confidence=live.confidence,
                        policy=live.labels,
                    )
                    for served, _ in (route.shares if route is not None else ())
                }
                self.telemetry.requirements({version: one.verdicts for version, one in seen.items()})
            await asyncio.sleep(live.refresh_s)

    async def _prune(self) -> None:
        """Remove what the record need not keep any longer."""
        assert self._record is not None
        while True:
            with contextlib.suppress(ModelwrightError):
                before = time.time() - self._config.record.days * 86_400
                await asyncio.to_thread(self._record.prune, before)
            await asyncio.sleep(_PRUNE_EVERY_S)


def serve(
    function: str,
    config: ServeConfig,
    releases: DesiredReleases,
    *,
    record: Path | None = None,
    requirements: Sequence[Requirement] = (),
    confidence: float = 0.95,
    window_s: float = 3600.0,
    refresh_s: float = 15.0,
    labels: LabelPolicy = EVERY_LABEL,
    operations: Operations | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve `function` until SIGTERM or SIGINT; `started` is called with the address once it is taken.

    `record` is the file that live traffic is written to; `requirements` are judged on its last `window_s`
    seconds every `refresh_s`; `labels`: whose labels count then; `operations`: what `/admin` acts on.

    Raises MachineError for an address that is taken, or that other machines reach while no key is set (in the
    environment variable that `serve.keys.predict` names).
    """
    live = Live(record, requirements, confidence, window_s, refresh_s, labels) if record is not None else None
    server = Server(
        function,
        config,
        releases,
        live=live,
        bar_s=live_requirements.latency_bar_s(requirements),
        operations=operations,
    )
    _log_to_stderr()
    if started is not None:
        started(server.url)
    else:
        _LOG.info(
            "%s: POST %s/%s, or try %s/docs; Ctrl-C ends it", function, server.url, function, server.url
        )
    server.run()


def _log_to_stderr() -> None:
    """Show what the gateway says, unless whoever called has set logging up already."""
    # It would warn of every form that is none, as often as a client sends one; each is answered and counted.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    logger = logging.getLogger("modelwright")
    if not logging.getLogger().handlers and not logger.handlers:
        handler = BoundedHandler()
        logger.addHandler(handler)
        logging.getLogger("uvicorn").addHandler(handler)
        logger.setLevel(logging.INFO)


def _not_cut_off(record: logging.LogRecord) -> bool:
    """Tell whether a record is worth showing: not the trace of work that a second Ctrl-C has cut off."""
    return "CancelledError" not in record.getMessage()


def _allow_connections() -> None:
    """Raise the number of files that this process may open, and so of its connections, as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _ignore_repeats() -> dict[int, signal.Handlers | Callable[..., object] | int | None]:
    """Make signals that uvicorn raises again, once it has ended well, do nothing; returns what they did."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
