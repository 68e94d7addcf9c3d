"""`POST /{function}`, the path that every prediction takes: one JSON parse or one form, no middleware, no log line."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.audit_log import AuditLog
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http import exchange, form_data
from modelwright.gateway.http.admission import Admission
from modelwright.gateway.http.dialect import Dialect, Given, Headers, PartSender, RowsDialect
from modelwright.gateway.http.responses import CLIENT_LEFT
from modelwright.gateway.keys import Key, KeyRole, RateError
from modelwright.gateway.limits import require_items
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic import recording
from modelwright.gateway.traffic.bytes_under_way import BytesUnderWay
from modelwright.gateway.traffic.cache import Cache
from modelwright.gateway.traffic.mirror import Mirror
from modelwright.gateway.traffic.recording import Recorder
from modelwright.gateway.traffic.route import VERSION_HEADER
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.gateway.traffic.service_errors import ServiceError, ending, not_ready
from modelwright.runtime.worker.channel import NO_OPTIONS, Reply
from modelwright.runtime.worker.values import PROMPT_IDS

PROBABILITIES = "probabilities"
TIMEOUT_HEADER = b"x-timeout-ms"
_OWN = RowsDialect()
SPARE_KEYS = 64  # of a row beyond its inputs; fewer are named one by one
_READERS = 2  # files that are read at once: a picture of 50 megapixels takes 150 MB while it is
NO_ROOM = 503  # in the record
_LOG = logging.getLogger(__name__)


@dataclass
class _Request:
    """One request under way: its id, when it arrived (perf_counter), and how many rows it has."""

    id: str
    begun: float
    rows: int = 1
    several: bool = False
    options: Mapping[str, JsonLike] = field(default_factory=dict)
    served: Served | None = None  # the version that answers it, as soon as that is settled
    is_ours: bool = False  # it failed on our side, whatever its status
    is_test: bool = False  # it names its version itself, and so says nothing about the traffic

    key: Key | None = None  # with which it came
    deadline_s: float | None = None  # how long its client waits, from its arrival on
    sender: PartSender | None = None  # where the answer comes in parts
    answers: Sequence[AnswerJson] = ()

    @property
    def left_s(self) -> float | None:
        """Return the seconds that its client still waits."""
        return None if self.deadline_s is None else self.deadline_s - self.seconds

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
        admission: Admission,
        audit: AuditLog,
        under_way: BytesUnderWay,
    ) -> None:
        self._audit = audit
        self._gateway = gateway
        self._config = config
        self._telemetry = telemetry
        self._recorder = recorder
        self._admission = admission
        self._under_way = under_way
        is_kept = config.cache.private or not config.record.private
        self._cache = Cache(config.cache.size) if is_kept and config.cache.size else None
        self._readers = ThreadPoolExecutor(_READERS, "files")  # started with the first file
        self._mirror = (
            Mirror(recorder, telemetry, config.record.private, config.limits.timeout_s) if recorder else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send, dialect: Dialect = _OWN) -> None:
        """Answer one request in its dialect, whatever happens, and count it."""
        begun = time.perf_counter()
        headers = exchange.headers_of(scope)
        request = _Request(exchange.request_id(headers), begun)
        extra: Headers = []
        self._telemetry.in_flight.inc()
        code, body = 500, b""
        try:
            with self._under_way.counted(receive) as counted:
                body, more = await self._answer(scope, headers, counted, send, request, dialect)
            extra += more
            code = 200
        except exchange.ClientLeftError:
            code = CLIENT_LEFT
            return
        except RequestError as error:
            problem = self._refused(error.problems[0])
            code, body = dialect.error(problem, error.status)
            extra += _headers_of_refusal(error)
            if code in {401, 403, 429}:
                client = scope["client"][0] if scope.get("client") else ""
                self._audit.refused(method=scope["method"], path=scope["path"], code=code, client=client)
        except ServiceError as error:
            code, body = dialect.error(self._refused(error.problem), error.status)
            request.is_ours = True
            extra += [(name.encode(), value.encode()) for name, value in error.headers.items()]
        except Exception:
            _LOG.exception("request %s", request.id)
            code, body = dialect.error(Problem("serve.fault"), 500)
        finally:
            self._telemetry.in_flight.dec()
            self._count(request, code)
        sender = request.sender
        if sender is not None and code == 200:
            await sender.end(request.answers, body)
        elif sender is not None and sender.begun:
            await sender.error(body)
        else:
            # only now: a body may bring an id of its own
            own_id = (b"x-request-id", request.id.encode())
            await exchange.send_json(send, code, body, own_id, *extra)

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        request: _Request,
        dialect: Dialect,
    ) -> tuple[bytes, Headers]:
        if scope["method"] != "POST":
            problem = Problem("request.wrong-method", method=scope["method"][:20], allowed="POST")
            raise RequestError(problem, 405)
        request.key = self._admission.admitted(headers, KeyRole.CALLER)
        self._gateway.require_room()  # before a body is read, so that a refusal costs little
        request.deadline_s = _deadline_s(headers)
        if scope["query_string"]:
            request.options = _options(scope["query_string"])
        if dialect.version is not None:
            headers = {**headers, VERSION_HEADER: str(dialect.version).encode()}
        given = await dialect.given(headers, receive, self._gateway.current, self._config.limits)
        own_id = (b"x-request-id", request.id.encode())
        request.several = isinstance(given.value, list)
        request.id = given.id or request.id
        if given.options:
            _require_finite(given.options)
            request.options = {**request.options, **given.options}
        # Chosen only now: nothing is awaited from here to the worker, so it cannot be retired meanwhile.
        served = self._chosen(headers, given, request)
        if served.files:
            served, rows = await self._read_beside(headers, given, request)
        else:
            rows = self._read(served, given)
        request.rows = len(rows)
        self._mirror_to_shadow(given, request)
        if given.in_parts:
            request.sender = dialect.sender(send, served, given, own_id)
        departure = exchange.Departure(receive)
        # A cancellation that reaches this point is either the client's leaving or the server's end.
        try:
            reply = await self._reply(served, rows, request)
        except BaseException as error:
            if departure.left:
                raise exchange.ClientLeftError from None
            if isinstance(error, asyncio.CancelledError):
                raise ending() from None
            raise
        finally:
            departure.stop()
        request.answers = self._answers(served, rows, reply, request)
        return dialect.body(served, request.answers, given)

    def _chosen(self, headers: Mapping[bytes, bytes], given: Given, request: _Request) -> Served:
        """Return the version that answers: the one that a tester names, or the one that the shares give."""
        route = self._gateway.route
        if route is None:
            raise not_ready()
        named = route.named(headers)
        if named is not None and request.key is not None and request.key.role is not KeyRole.OPERATOR:
            wanted = [KeyRole.OPERATOR.value]
            problem = Problem("request.forbidden", role=request.key.role.value, wanted=wanted)
            raise RequestError(problem, 403)
        request.is_test = named is not None
        request.served = named or route.choose(headers, given.value)
        return request.served

    async def _read_beside(
        self, headers: Mapping[bytes, bytes], given: Given, request: _Request
    ) -> tuple[Served, list[tuple[object, ...]]]:
        """Read rows with files in a thread: a file is tried when it is read, and other requests must not wait for that.

        Should the version go meanwhile, they are read again for another one.
        """
        loop = asyncio.get_running_loop()
        while True:
            served = self._chosen(headers, given, request)
            rows = await loop.run_in_executor(self._readers, self._read, served, given)
            if not served.retired:
                return served, rows

    def _mirror_to_shadow(self, given: Given, request: _Request) -> None:
        """Ask a version that is only watched the same, where there is one, and what it says is recorded."""
        route = self._gateway.route
        shadow = route.shadow if route is not None else None
        if shadow is None or self._mirror is None or request.is_test or not request.rows:
            return
        if PROMPT_IDS in request.options:
            return  # another version may have another tokenizer, to which they mean something else

        async def read() -> list[tuple[object, ...]]:
            if not shadow.files:
                return self._read(shadow, given)
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, shadow, given)

        self._mirror.copy(shadow, read, request.ids, request.begun, request.options)

    async def _reply(
        self,
        served: Served,
        rows: Sequence[tuple[object, ...]],
        request: _Request,
    ) -> Reply:
        if not rows:
            return Reply([], 0.0, 0.0, 0)
        # An answer in parts takes its time, and those who want one want to see it. While versions are compared,
        # none has the advantage of answers that are kept.
        route, sender = self._gateway.route, request.sender
        is_kept = sender is None and not served.worker.streams and route is not None and route.is_one
        cache = self._cache if is_kept else None
        key = cache.key(served, rows, request.options) if cache is not None else b""
        found = cache.get(key) if cache is not None else None
        if found is not None:
            self._telemetry.cache_hits.inc()
            return found
        if sender is None:
            reply = await self._gateway.answer(served, rows, request.options, request.left_s)
        else:
            reply = await self._in_parts(served, rows, request, sender)
        if cache is not None:
            cache.put(key, reply)
        self._telemetry.queue_s.observe(reply.queue_s)
        self._telemetry.inference_s.observe(reply.inference_s)
        self._telemetry.batch_rows.observe(reply.batch_rows)
        self._telemetry.writing.written(reply.written())
        return reply

    async def _in_parts(
        self, served: Served, rows: Sequence[tuple[object, ...]], request: _Request, sender: PartSender
    ) -> Reply:
        """Send each part as an event when it comes, and return the whole reply."""
        ids = request.ids
        async with aclosing(self._gateway.stream(served, rows, request.options, request.left_s)) as parts:
            async for part in parts:
                if isinstance(part, Reply):
                    return part
                if not (request.several or served.worker.streams):
                    continue  # it is the end at once
                for place, answer in part.items():
                    body = served.answer_json(ids[place], answer)
                    if request.options.get(PROBABILITIES):
                        body = served.with_probabilities(body, answer)
                    await sender.part(place, body)
        raise AssertionError("a stream ends with the whole reply")

    def _answers(
        self, served: Served, rows: Sequence[tuple[object, ...]], reply: Reply, request: _Request
    ) -> list[AnswerJson]:
        """Return the answers to all rows, recorded."""
        assert reply.answers is not None
        bodies = [
            served.answer_json(row_id, answer)
            for row_id, answer in zip(request.ids, reply.answers, strict=True)
        ]
        self._mark_unseen(reply, bodies)
        if self._recorder is not None and bodies and not request.is_test:
            private: Collection[str] = self._config.record.private
            if PROMPT_IDS in request.options:
                private = {one.name for one in served.signature.inputs}  # tokens are no value of an input
            self._recorder(
                recording.answered(
                    served, rows, reply.answers, bodies, private, request.seconds, written=reply.written()
                )
            )
        if request.options.get(PROBABILITIES):
            pairs = zip(bodies, reply.answers, strict=True)
            bodies = [served.with_probabilities(body, answer) for body, answer in pairs]
        return bodies

    def _mark_unseen(self, reply: Reply, bodies: Sequence[AnswerJson]) -> None:
        """Say which inputs training never showed, and count them; raises RequestError (422) where they are refused."""
        for place, names in reply.unseen:
            self._telemetry.unseen(names)
            bodies[place]["unseen"] = names
        if reply.unseen and self._config.unseen == "refuse":
            place, names = reply.unseen[0]
            where = f"item {place}" if len(bodies) > 1 else None
            problem = Problem("request.unseen-value", where=where, names=names)
            raise RequestError(problem, 422)

    def _count(self, request: _Request, code: int) -> None:
        served, seconds = request.served or self._gateway.current, request.seconds
        self._telemetry.answered(str(served.version) if served else "none", code)
        self._telemetry.request_s.observe(seconds)
        if (
            (code >= 500 or request.is_ours)
            and self._recorder is not None
            and served is not None
            and not request.is_test
        ):
            recorded = (
                code if code >= 500 else NO_ROOM
            )  # a refusal for want of room, whatever a client is told
            self._recorder(recording.failed(served, request.ids, recorded, seconds))

    def _read(self, served: Served, given: Given) -> list[tuple[object, ...]]:
        """Return rows of canonical values; raises RequestError."""
        if not isinstance(given.value, list):
            return [self._row(served, given.value, None, lenient=given.lenient)]
        require_items(len(given.value), self._config.limits.rows)
        return [self._row(served, value, f"item {place}") for place, value in enumerate(given.value)]

    def _row(
        self, served: Served, value: object, where: str | None, *, lenient: bool = False
    ) -> tuple[object, ...]:
        limits = self._config.limits
        if isinstance(value, dict):
            if len(value) > len(served.signature.inputs) + SPARE_KEYS:
                most = len(served.signature.inputs)
                raise RequestError(Problem("request.too-wide", where=where, keys=len(value), most=most))
            for name, text in value.items():
                if not isinstance(text, str) or len(text) <= limits.text:
                    continue
                if name not in served.files:
                    raise RequestError(_too_long(name, len(text), limits.text, where))
                if len(text) > limits.text_of_file:
                    raise form_data.file_too_large(name, limits.file, where)
        row = served.rows.read(value, where=where, lenient=lenient)
        if served.files:
            for name, size in served.file_sizes(row):
                if size > limits.file:
                    raise form_data.file_too_large(name, limits.file, where)
        return row

    def _refused(self, problem: Problem) -> Problem:
        self._telemetry.rejected(problem.id)
        return problem


def _options(query: bytes) -> Mapping[str, JsonLike]:
    """Return what the query asks beside the rows; raises RequestError (422) for a value that is none of its own."""
    given = parse_qs(query.decode("ascii", "replace"), keep_blank_values=True).get(PROBABILITIES)
    if given is None:
        return NO_OPTIONS
    if given[-1] not in {"true", "false"}:
        raise RequestError(Problem("request.query-value", name=PROBABILITIES, shown=given[-1][:60]))
    return {PROBABILITIES: True} if given[-1] == "true" else NO_OPTIONS


def _headers_of_refusal(error: RequestError) -> list[tuple[bytes, bytes]]:
    if isinstance(error, RateError):
        return [(b"retry-after", str(error.retry_after_s).encode())]
    found = {405: (b"allow", b"POST"), 401: (b"www-authenticate", b"Bearer")}.get(error.status)
    return [found] if found is not None else []


def _require_finite(options: Mapping[str, JsonLike]) -> None:
    """Raise RequestError (400) for a number beyond all floats, as 1e999 is read."""
    try:
        json.dumps(dict(options), allow_nan=False)
    except ValueError:
        raise RequestError(Problem("request.not-finite", name="Infinity"), 400) from None


def _deadline_s(headers: Mapping[bytes, bytes]) -> float | None:
    """Return how long a client waits; raises RequestError (422) for what is no such time."""
    given = headers.get(TIMEOUT_HEADER)
    if given is None:
        return None
    if not given.isdigit() or not 0 < len(given) < 10 or int(given) == 0:
        raise RequestError(Problem("request.bad-timeout", shown=given[:20].decode("ascii", "replace")))
    return int(given) / 1000


def _too_long(name: str, length: int, most: int, where: str | None) -> Problem:
    return Problem("request.text-too-long", where=where, name=name[:60], length=length, most=most)
