"""Starts the gateway: its address, its key, its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from modelwright.core.messages import MachineError, ModelwrightError, Problem
from modelwright.core.requirements.requirement import Requirement
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import DesiredReleases, Gateway
from modelwright.gateway.http.app import Application, Background
from modelwright.gateway.http.predictions import Predictions
from modelwright.gateway.http.protocol import BoundedProtocol, close_stalled
from modelwright.gateway.lease import LeasedReleases
from modelwright.gateway.telemetry import Telemetry
from modelwright.monitors import live_requirements
from modelwright.storage.traffic.record import LiveRecord

API_KEY = "MODELWRIGHT_API_KEY"
_BACKLOG = 2048
_PRUNE_EVERY_S = 3600.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """How live traffic is recorded and judged: the record's file, and the bars for the last `window_s`."""

    record: Path
    requirements: Sequence[Requirement] = ()
    confidence: float = 0.95
    window_s: float = 3600.0
    refresh_s: float = 15.0


class Server:
    """A gateway that listens. `run` serves until it is told to stop; `url` is where."""

    def __init__(
        self,
        function: str,
        config: ServeConfig,
        releases: DesiredReleases,
        *,
        live: Live | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Take the address; raises MachineError where that is refused, StateError for a broken record."""
        api_key = environment.get(API_KEY) or None
        self._socket = listen(config, api_key)
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
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
            background += [self._watch, self._prune]
        self.gateway = Gateway(function, config, releases, self.telemetry)
        recorder = self._record.record if self._record else None
        predictions = Predictions(self.gateway, config, self.telemetry, recorder, api_key)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                Application(self.gateway, predictions, self.telemetry, background),
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, round(config.drain_s)),
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

    async def _watch(self) -> None:
        """Show the live requirements as gauges, again and again."""
        live, record = self._live, self._record
        assert live is not None
        assert record is not None
        while True:
            served = self.gateway.current
            if served is not None:
                with contextlib.suppress(ModelwrightError):  # the writer of the record has logged it
                    seen = await asyncio.to_thread(
                        live_requirements.judge_live,
                        record,
                        live.requirements,
                        version=served.version,
                        since=time.time() - live.window_s,
                        confidence=live.confidence,
                    )
                    self.telemetry.requirements(served.version, seen.verdicts)
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
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve `function` until SIGTERM or SIGINT; `started` is called with the address once it is taken.

    `record` is the file that live traffic is written to; `requirements` are judged on its last `window_s`
    seconds every `refresh_s`. Raises MachineError for an address that is taken, or that other machines reach
    while no key is set (the environment's MODELWRIGHT_API_KEY).
    """
    live = Live(record, requirements, confidence, window_s, refresh_s) if record is not None else None
    server = Server(function, config, releases, live=live)
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
    logger = logging.getLogger("modelwright")
    if not logging.getLogger().handlers and not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def listen(config: ServeConfig, api_key: str | None) -> socket.socket:
    """Return a listening socket; raises MachineError."""
    if not 0 <= config.port <= 65535:  # an option of the command line is not read by pydantic
        raise MachineError(_not_listening(config, OSError(errno.EINVAL, "")))
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise MachineError(
            Problem(
                "machine.unknown-host",
                "a server listens on an address of this machine",
                f"`{config.host}`",
                "set serve.host to an address such as 127.0.0.1",
            )
        ) from None
    addresses: Sequence[str] = [str(entry[4][0]) for entry in found]
    if api_key is None and not all(ipaddress.ip_address(a.partition("%")[0]).is_loopback for a in addresses):
        raise MachineError(
            Problem(
                "machine.public-address",
                "an address that other machines reach needs a key",
                f"`{config.host}` and no {API_KEY} in the environment",
                f"set {API_KEY} to a long random text, or serve on 127.0.0.1",
            )
        )
    family, address = found[0][0], found[0][4]
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for the client's ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise MachineError(_not_listening(config, error)) from None
    return listening


def _not_listening(config: ServeConfig, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        return Problem(
            "machine.port-in-use",
            "a server has its port to itself",
            f"port {config.port} of {config.host} is in use",
            "stop what listens there, or serve on another one: modelwright serve --port 8081",
        )
    return Problem(
        "machine.address-refused",
        "a server listens on an address and a port that this machine grants",
        f"{config.host}, port {config.port}: {os.strerror(error.errno or 0)}",
        "set serve.host to 127.0.0.1 and serve.port to a number from 1024 to 65535",
    )


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
