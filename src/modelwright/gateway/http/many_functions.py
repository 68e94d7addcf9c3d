"""Several functions behind one address. Each has an application of its own, which answers; answers are put together.

    POST /{function}, /v2/models/{function}/…       goes to that function's application
    any other path with ?function={function}        likewise
    POST /v1/chat/completions, …                    goes to the function that the body's `model` names
    POST /feedback                                  goes to the function that has given the answer, by its id
    any other change                                is refused: it must name the function
    any other path                                  goes to all; what those say that let the caller in is joined

So the keys, limits, records and versions of one function hold for it alone, and a caller sees of the others nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.http import aside, exchange
from modelwright.gateway.http.admission import REFUSALS
from modelwright.gateway.http.app import Application, error_for
from modelwright.gateway.http.aside import Aside
from modelwright.gateway.http.openai.fitting import MODELS, PATHS
from modelwright.gateway.http.pages import joined_pages
from modelwright.gateway.http.responses import unknown_path
from modelwright.gateway.http.v2.inference import INDEX_BYTES, INDEX_S
from modelwright.gateway.limits import read_json
from modelwright.gateway.traffic.bytes_under_way import BytesUnderWay
from modelwright.gateway.traffic.service_errors import ServiceError
from modelwright.runtime.log_lines import about

FUNCTION = "function"  # of the query: whose path is meant
_MODEL = re.compile(r"/(?:v2/(?:repository/)?|v1/)models/([^/]+)(?:/.*)?")
_FEEDBACK, _INDEX = "/feedback", "/v2/repository/index"
_READY, _ADMIN = "/v2/health/ready", "/admin/"
_READS = {"GET", "HEAD"}


@dataclass
class _Reply:
    """What one application said."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class ManyFunctions:
    """The application of a gateway with several functions."""

    def __init__(self, applications: Mapping[str, Application]) -> None:
        self._applications = applications
        bounds = [one.gateway.config.limits.under_way for one in applications.values()]
        self._under_way = BytesUnderWay(max(bounds))  # of requests whose function is not known yet
        self._by_path = {f"/{function}": one for function, one in applications.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        found = self._by_path.get(scope["path"])
        if found is None and not scope["path"].isascii():
            found = self._by_path.get(unicodedata.normalize("NFC", scope["path"]))  # clients may send NFD
        if found is not None:
            with about(found.gateway.function):
                await found(scope, receive, send)
            return
        try:
            await self._sent(scope, receive, send)
        except RequestError as error:
            await exchange.send_json(send, *error_for(scope["path"], error.problems[0], error.status))
        except ServiceError as error:
            headers = [(name.encode(), value.encode()) for name, value in error.headers.items()]
            body = error_for(scope["path"], error.problem, error.status)
            await exchange.send_json(send, *body, *headers)
        except exchange.ClientLeftError:
            pass

    async def _sent(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send an exchange to whom it is for; raises RequestError, ServiceError and ClientLeftError."""
        function, reads = self._named(scope), scope["method"] in _READS
        if function is not None:
            with about(function):
                await self._applications[function](scope, receive, send)
        elif scope["path"] in PATHS:
            await self._by_model(scope, receive, send)
        elif scope["path"] == _FEEDBACK and not reads:
            await self._feedback(scope, receive, send)
        elif not reads and scope["path"].startswith(_ADMIN):
            raise RequestError(Problem("request.which-function", path=scope["path"][:80]), 422)
        else:
            asks = scope["path"] == _INDEX and not reads
            await self._together(scope, send, await _index_body(scope, receive) if asks else b"")

    def _named(self, scope: Scope) -> str | None:
        """Return the function that a path or the query names; raises RequestError (404) for one that is not served."""
        model = _MODEL.fullmatch(scope["path"])
        given = model[1] if model is not None else None
        if given is None and FUNCTION.encode() in scope["query_string"]:
            query = parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
            given = query.get(FUNCTION, [None])[-1]
        if given is None:
            return None
        name = unicodedata.normalize("NFC", given)
        if name not in self._applications:
            if scope["path"].startswith(f"{MODELS}/"):
                raise RequestError(Problem("request.no-such-model", model=name[:60]), 404)
            # Which there are, only those that have a key may know.
            where = scope["path"] if model is not None else f"{scope['path']}?{FUNCTION}={given[:60]}"
            raise RequestError(unknown_path(where), 404)
        return name

    async def _by_model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request of the OpenAI protocol to the function that it names; raises RequestError, ServiceError.

        Whose key opens none of them is refused before the body is read.
        """
        headers = exchange.headers_of(scope)
        first = next(iter(self._applications.values()))
        open_ones = [one for one in self._applications.values() if one.lets_in(headers)]
        if not open_ones or scope["method"] != "POST":
            await first(scope, receive, send)  # which says so
            return
        limits = [one.gateway.config.limits for one in open_ones]
        most, longest_s = max(one.body for one in limits), max(one.body_timeout_s for one in limits)
        with self._under_way.counted(receive) as counted:
            raw = await exchange.read_body(headers, counted, most, longest_s)
            plain = exchange.unpacked(headers, raw, most)
            deepest, longest = max(one.depth for one in limits), max(one.rows for one in limits)
            given = read_json(plain, max_depth=deepest, max_items=longest)
            name = given.get("model") if isinstance(given, dict) else None
            found = next((one for one in open_ones if one.gateway.function == name), None)
            if isinstance(name, str) and found is None:
                raise RequestError(Problem("request.no-such-model", model=name[:60]), 404)
            is_read = False

            async def again() -> Message:
                nonlocal is_read
                if is_read:
                    return await receive()
                is_read = True
                return {"type": "http.request", "body": raw, "more_body": False}

            chosen = found or first
            with about(chosen.gateway.function):
                await chosen(scope, again, send)

    async def _feedback(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a truth to the function that has given the answer; raises RequestError where several have."""
        letting_in = await self._that(scope, b"", lambda status: status not in REFUSALS)
        if not letting_in:
            await self._together(scope, send)
            return
        limits = [one.gateway.config.limits for one in letting_in.values()]
        most, longest_s = max(one.body for one in limits), max(one.body_timeout_s for one in limits)
        with self._under_way.counted(receive) as counted:
            body = await exchange.read_body(exchange.headers_of(scope), counted, most, longest_s)
        concerned = await self._that(scope, body, lambda status: status == 200)
        if len(concerned) > 1:  # a caller has given both the same id
            raise RequestError(Problem("request.which-function", path=_FEEDBACK), 409)
        # where nobody has given such an answer, one of them says so, and counts it
        one = next(iter((concerned or letting_in).values()))
        await (await _reply_of(one, scope, body)).send(send)

    async def _that(
        self, scope: Scope, body: bytes, says: Callable[[int], bool]
    ) -> Mapping[str, Application]:
        """Return the functions that answer with such a status where they are only to look at a request."""
        functions = self._applications.items()
        return {
            name: one
            for name, one in functions
            if says((await _reply_of(one, scope, body, Aside.PROBE)).status)
        }

    async def _together(self, scope: Scope, send: Send, body: bytes = b"") -> None:
        """Ask every function, and join what those say that let the caller in."""
        functions = self._applications.items()
        replies = {name: await _reply_of(one, scope, body, Aside.ANSWER) for name, one in functions}
        if all(one.status in REFUSALS for one in replies.values()):
            # now each writes down that it has refused
            replies = {name: await _reply_of(one, scope, body) for name, one in functions}
        if scope["path"] == _READY:
            reply = self._ready(_one(replies))
        elif scope["path"].startswith(_ADMIN):
            reply = _by_function(replies)
        else:
            reply = _JOINED.get(scope["path"], _one)(replies)
        await reply.send(send)

    def _ready(self, reply: _Reply) -> _Reply:
        """Return whether this server can be sent requests: some function answers, and none is about to.

        One that does not start is in nobody's way; what is named here, anyone can read.
        """
        gateways = [one.gateway for one in self._applications.values()]
        answering = sum(one.ready for one in gateways)
        ready = answering > 0 and not any(one.starting for one in gateways)
        body = {"ready": ready, "functions": len(gateways), "answering": answering}
        return _with(reply, 200 if ready else 503, exchange.dumped(body))

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run what each application runs beside its answers, from the start of the server to its end."""
        await receive()
        async with contextlib.AsyncExitStack() as running:
            for name, one in self._applications.items():
                with about(name):
                    await running.enter_async_context(one.other.router.lifespan_context(one.other))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


Replies = Mapping[str, _Reply]


async def _reply_of(application: Application, scope: Scope, body: bytes, mark: Aside | None = None) -> _Reply:
    """Return what an application answers to an exchange whose body has come."""
    reply = _Reply()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    own = {key: value for key, value in scope.items() if key != "state"}
    if mark is not None:
        aside.mark(own, mark)
    with about(application.gateway.function):
        await application(own, receive, reply.take)
    return reply


async def _index_body(scope: Scope, receive: Receive) -> bytes:
    """Return which versions a request for the index wants; it is small, and read before anyone's key is."""
    return await exchange.read_body(exchange.headers_of(scope), receive, INDEX_BYTES, INDEX_S)


def _one(replies: Replies) -> _Reply:
    """Return what the first says that is content, else the first that lets the caller in, else the first."""
    in_order = sorted(replies.values(), key=lambda one: (one.status >= 400, one.status in REFUSALS))
    return in_order[0]


def _let_in(replies: Replies, also: Sequence[int] = ()) -> Replies:
    return {name: one for name, one in replies.items() if one.status == 200 or one.status in also}


def _with(reply: _Reply, status: int, body: bytes, media: bytes | None = None) -> _Reply:
    """Return another body under the headers of a reply."""
    drop = {b"content-length"} | ({b"content-type"} if media is not None else set())
    kept = [(name, value) for name, value in reply.headers if name.lower() not in drop]
    named = [(b"content-type", media)] if media is not None else []
    return _Reply(status, [*kept, *named, (b"content-length", str(len(body)).encode())], body)


def _metrics(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    return _with(_one(replies), 200, joined_pages.metrics([one.body for one in found.values()]))


def _description(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    joined = joined_pages.descriptions({name: json.loads(one.body) for name, one in found.items()})
    return _with(_one(replies), 200, exchange.dumped(joined))


def _pages(replies: Replies) -> _Reply:
    """Return a page with the functions; one that is not ready yet is named, too."""
    found = _let_in(replies, also=[503])
    if not found:
        return _one(replies)
    page, policy = joined_pages.index({name: one.status == 200 for name, one in found.items()})
    headers = [(b"content-security-policy", policy.encode())]
    return _with(_Reply(200, headers), 200, page.encode(), b"text/html; charset=utf-8")


def _index(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    states = [state for one in found.values() for state in json.loads(one.body)]
    return _with(_one(replies), 200, exchange.dumped(states))


def _models(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    models = [model for one in found.values() for model in json.loads(one.body)["data"]]
    return _with(_one(replies), 200, exchange.dumped({"object": "list", "data": models}))


def _by_function(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    each = {name: json.loads(one.body) for name, one in found.items()}
    return _with(_one(replies), 200, exchange.dumped({"functions": each}))


_JOINED: Mapping[str, Callable[[Replies], _Reply]] = {
    "/metrics": _metrics,
    "/openapi.json": _description,
    "/docs": _pages,
    _INDEX: _index,
    MODELS: _models,
}
