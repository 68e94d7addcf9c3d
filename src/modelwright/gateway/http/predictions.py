"""`POST /{function}`: the path that every prediction takes. One JSON parse, no middleware, no log line."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway, Served, ServiceError, not_ready
from modelwright.gateway.http import exchange
from modelwright.gateway.limits import read_json, require_items
from modelwright.gateway.telemetry import Telemetry
from modelwright.runtime.worker.channel import Reply

_CLIENT_LEFT = 499  # counted, never sent
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Traffic:
    """One row that was answered, or that failed on our side (`code` from 500 on; then no inputs, no outputs).

    `time` is seconds since the epoch, `latency_s` from the request's arrival to its answer. `inputs` lacks
    those that are private.
    """

    id: str
    time: float
    version: int
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]] | None
    latency_s: float
    code: int


class Recorder(Protocol):
    """Takes the record of traffic; called in the gateway's loop, so it must not wait for a disk."""

    def __call__(self, rows: Sequence[Traffic]) -> None: ...


@dataclass
class _Asked:
    """One request under way: its id, when it arrived (perf_counter), and how many rows it has."""

    id: str
    begun: float
    rows: int = 1
    several: bool = False

    @property
    def ids(self) -> list[str]:
        """Return the id of each row."""
        return [f"{self.id}.{place}" for place in range(self.rows)] if self.several else [self.id]

    @property
    def seconds(self) -> float:
        """Return the seconds since it arrived."""
        return time.perf_counter() - self.begun


class Predictions:
    """The endpoint as an ASGI application."""

    def __init__(
        self,
        gateway: Gateway,
        config: ServeConfig,
        telemetry: Telemetry,
        recorder: Recorder | None,
        api_key: str | None,
    ) -> None:
        self._gateway = gateway
        self._config = config
        self._telemetry = telemetry
        self._recorder = recorder
        self._expected = f"Bearer {api_key}".encode() if api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens, and count it."""
        begun = time.perf_counter()
        headers = exchange.headers_of(scope)
        asked = _Asked(exchange.request_id(headers), begun)
        extra = [(b"x-request-id", asked.id.encode())]
        self._telemetry.in_flight.inc()
        code = 500
        try:
            code, body = 200, await self._answer(scope, headers, receive, asked)
        except exchange.ClientLeftError:
            code = _CLIENT_LEFT
            return
        except RequestError as error:
            code, body = error.status, exchange.error_body(self._refused(error.problems[0]))
            if code == 405:
                extra.append((b"allow", b"POST"))
            elif code == 401:
                extra.append((b"www-authenticate", b"Bearer"))
        except ServiceError as error:
            code, body = error.status, exchange.error_body(self._refused(error.problem))
            if error.retry_after_s is not None:
                extra.append((b"retry-after", str(error.retry_after_s).encode()))
        except Exception:
            _LOG.exception("request %s", asked.id)
            body = exchange.error_body(_fault())
        finally:
            self._telemetry.in_flight.dec()
            self._count(asked, code)
        await exchange.send_json(send, code, body, *extra)

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, asked: _Asked
    ) -> bytes:
        if scope["method"] != "POST":
            raise RequestError(_wrong_method(scope["method"]), 405)
        self._require_key(headers)
        exchange.require_json(headers)
        config = self._config
        raw = await exchange.read_body(headers, receive, config.limits.body, config.limits.body_timeout_s)
        value = read_json(raw, max_depth=config.limits.depth, max_items=config.limits.rows)
        # Looked up only now: nothing is awaited from here to the worker, so it cannot be retired meanwhile.
        served = self._gateway.current
        if served is None:
            raise not_ready()
        asked.several = isinstance(value, list)
        rows = self._rows(served, value) if asked.several else [self._row(served, value, None)]
        asked.rows = len(rows)
        departure = exchange.Departure(receive)
        try:
            reply = await self._reply(served, rows, departure)
        finally:
            departure.stop()
        return self._body(served, rows, reply, asked)

    async def _reply(
        self, served: Served, rows: Sequence[tuple[Any, ...]], departure: exchange.Departure
    ) -> Reply:
        if not rows:
            return Reply([], 0.0, 0.0, 0)
        # A cancellation that reaches this point is either the client's leaving or the server's end.
        try:
            reply = await self._gateway.answer(served, rows)
        except BaseException:
            if departure.left:
                raise exchange.ClientLeftError from None
            raise
        self._telemetry.queue_s.observe(reply.queue_s)
        self._telemetry.inference_s.observe(reply.inference_s)
        self._telemetry.batch_rows.observe(reply.batch_rows)
        return reply

    def _body(self, served: Served, rows: Sequence[tuple[Any, ...]], reply: Reply, asked: _Asked) -> bytes:
        assert reply.answers is not None
        names = [field.name for field in served.signature.outputs]
        answers = [
            {
                "id": row_id,
                "version": served.version,
                "outputs": {
                    name: {"value": value, "confidence": confidence}
                    for name, (value, confidence) in zip(names, row, strict=True)
                },
            }
            for row_id, row in zip(asked.ids, reply.answers, strict=True)
        ]
        if self._recorder is not None and answers:
            self._record(served, rows, answers, asked.seconds)
        return exchange.dumped(answers if asked.several else answers[0])

    def _record(
        self, served: Served, rows: Sequence[tuple[Any, ...]], answers: list[dict[str, Any]], latency_s: float
    ) -> None:
        assert self._recorder is not None
        names = [field.name for field in served.signature.inputs]
        private, now = self._config.record.private, time.time()
        self._recorder(
            [
                Traffic(
                    answer["id"],
                    now,
                    served.version,
                    {name: value for name, value in zip(names, row, strict=True) if name not in private},
                    answer["outputs"],
                    latency_s,
                    200,
                )
                for row, answer in zip(rows, answers, strict=True)
            ]
        )

    def _count(self, asked: _Asked, code: int) -> None:
        served, seconds = self._gateway.current, asked.seconds
        self._telemetry.answered(str(served.version) if served else "none", code)
        self._telemetry.request_s.observe(seconds)
        if code >= 500 and self._recorder is not None and served is not None:
            now, version = time.time(), served.version
            self._recorder([Traffic(one, now, version, {}, None, seconds, code) for one in asked.ids])

    def _rows(self, served: Served, values: list[Any]) -> list[tuple[Any, ...]]:
        require_items(len(values), self._config.limits.rows)
        return [self._row(served, value, f"item {place}") for place, value in enumerate(values)]

    def _row(self, served: Served, value: Any, where: str | None) -> tuple[Any, ...]:
        if isinstance(value, dict):
            for name, text in value.items():
                if isinstance(text, str) and len(text) > self._config.limits.text:
                    raise RequestError(_too_long(name, len(text), self._config.limits.text, where), 413)
        return served.rows.read(value, where=where)

    def _require_key(self, headers: Mapping[bytes, bytes]) -> None:
        if self._expected is None or hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return
        raise RequestError(
            Problem(
                "request.unauthorized",
                "a prediction needs the server's key",
                "no key, or another one",
                "send the header `authorization: Bearer <key>`",
            ),
            401,
        )

    def _refused(self, problem: Problem) -> Problem:
        self._telemetry.rejected(problem.id)
        return problem


def _too_long(name: str, length: int, most: int, where: str | None) -> Problem:
    return Problem(
        "request.text-too-long",
        f"a text has at most {most:,} characters",
        f"{length:,} in `{name[:60]}`",
        "shorten it",
        where,
    )


def _wrong_method(method: str) -> Problem:
    return Problem("request.wrong-method", "a prediction is asked for with POST", method[:20], "use POST")


def _fault() -> Problem:
    return Problem(
        "serve.fault",
        "every request gets an answer",
        "a fault of the server",
        "tell the operator the request's id; the server's log has the cause",
    )
