"""Starts the gateway: its address, its functions, its end."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable, Mapping, Sequence

import uvicorn

from modelwright.core.messages import ModelwrightError
from modelwright.gateway.address import listen, require_certificate, url_of
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.http.many_functions import ManyFunctions
from modelwright.gateway.http.protocol import BoundedProtocol, close_stalled
from modelwright.gateway.operations import Operations
from modelwright.gateway.station import Live, Serving, Station
from modelwright.gateway.traffic.desired_traffic import DesiredReleases
from modelwright.runtime.log_lines import BoundedHandler

__all__ = ["Live", "Server", "Serving", "serve"]

_LOG = logging.getLogger(__name__)
_MOST_HEAPS = -8  # M_ARENA_MAX of malloc.h


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
        memory_bytes: int | None = None,
        environment: Mapping[str, str] = os.environ,
        beside: Sequence[Serving] = (),
    ) -> None:
        """Take the address; raises MachineError where that is refused, StateError for a broken record.

        bar_s: the time that an answer may take; memory_bytes: what the workers of a version may take together, where
        none sets their number. None: no such bar. operations: what `/admin` acts on.
        beside: further functions: of several, one that cannot be opened is logged and left out; address, certificate
        and the time to end are those of `config`.
        """
        if config.tls is not None:
            require_certificate(config.tls)
        self.audit_file = config.audit
        self._config = config
        self.stations: list[Station] = []
        first = Serving(function, config, releases, live, bar_s, operations, memory_bytes)
        try:
            self._open([first, *beside], environment)
            open_to_all = next((one for one in self.stations if not one.keys.required), None)
            asking = (
                config if open_to_all is None else config.model_copy(update={"keys": open_to_all.config.keys})
            )
            self._socket = listen(asking, has_keys=open_to_all is None)
        except BaseException:
            for one in self.stations:
                one.close()
            raise
        self.url = url_of(self._socket, "http" if config.tls is None else "https")
        self.gateway = self.stations[0].gateway
        self.telemetry = self.stations[0].telemetry
        applications = {one.gateway.function: one.application for one in self.stations}
        self.application = (
            self.stations[0].application if len(applications) == 1 else ManyFunctions(applications)
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
        _share_heaps()
        logger = logging.getLogger("uvicorn.error")
        logger.addFilter(_not_cut_off)
        try:
            self._uvicorn.run([self._socket])
        finally:
            logger.removeFilter(_not_cut_off)
            self._socket.close()
            for station in self.stations:
                station.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Ask the server to end, from any thread; `run` returns when it has."""
        self._uvicorn.should_exit = True

    def _open(self, functions: Sequence[Serving], environment: Mapping[str, str]) -> None:
        """Open the station of each function; one that cannot be is left out, unless it is the only one."""
        for one in functions:
            background = () if self.stations else (self._close_stalled,)
            try:
                self.stations.append(Station(one, self._config.host, environment, *background))
            except ModelwrightError as error:
                if one is functions[-1] and not self.stations:
                    raise
                _LOG.error("%s is not served: %s", one.function, error)

    async def _close_stalled(self) -> None:
        await close_stalled(self._uvicorn.server_state, self._config.limits.body_timeout_s)


def serve(
    function: str,
    config: ServeConfig,
    releases: DesiredReleases,
    *,
    live: Live | None = None,
    bar_s: float | None = None,
    operations: Operations | None = None,
    memory_bytes: int | None = None,
    beside: Sequence[Serving] = (),
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve `function`, and those `beside`, until SIGTERM or SIGINT; `started` is called with the address once taken.

    live: how traffic is recorded and judged; bar_s: the time that an answer may take; memory_bytes: what the workers of
    a version may take together, where none sets their number; operations: what `/admin` acts on. Raises MachineError
    for an address that is taken, or that other machines reach while a function needs no key (in the environment
    variable that `serve.keys.predict` names).
    """
    _log_to_stderr()
    server = Server(
        function,
        config,
        releases,
        live=live,
        bar_s=bar_s,
        operations=operations,
        memory_bytes=memory_bytes,
        beside=beside,
    )
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


def _share_heaps() -> None:
    """Let the threads of this process share two heaps, where the C library is glibc.

    Each thread would have one of its own (mallopt(3)): what is judged again and again, now in this thread and now in
    that one, would take its memory in each, and the process would grow for hours.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MOST_HEAPS, 2)


def _ignore_repeats() -> dict[int, signal.Handlers | Callable[..., object] | int | None]:
    """Make signals that uvicorn raises again, once it has ended well, do nothing; returns what they did."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
