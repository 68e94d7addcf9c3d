"""Several functions behind one address. Each has an application of its own, which answers; answers are put together.

    POST /{function}, /v2/models/{function}/…       goes to that function's application
    any other path with ?function={function}        likewise
    any other path                                  goes to all; what those say that let the caller in is joined

So the keys, limits, records and versions of one function hold for it alone, and a caller sees of the others nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.http import exchange
from modelwright.gateway.http.app import Application
from modelwright.gateway.http.pages import joined_pages

FUNCTION = "function"  # of the query: whose path is meant
_MODEL = re.compile(r"/v2/(?:repository/)?models/([^/]+)(?:/.*)?")
_MOST_BODY = 2 * 2**20  # of what goes to several: each application bounds it again
_BODY_TIMEOUT_S = 10.0
_ELSEWHERE = {
    404,
    422,
}  # a truth is about an answer of one of the functions: the others know no such id, or output


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
            await found(scope, receive, send)
            return
        try:
            function = self._named(scope)
            if function is not None:
                await self._applications[function](scope, receive, send)
                return
            body = await self._body(scope, receive)
        except RequestError as error:
            await exchange.send_json(send, error.status, exchange.error_body(error.problems[0]))
            return
        except exchange.ClientLeftError:
            return
        await self._together(scope, body, send)

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
            # Which there are, only those that have a key may know.
            raise RequestError(Problem("request.unknown-path", path=scope["path"][:80]), 404)
        return name

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body of a request that goes to several; raises RequestError, ClientLeftError."""
        if scope["method"] in {"GET", "HEAD"}:
            return b""
        return await exchange.read_body(exchange.headers_of(scope), receive, _MOST_BODY, _BODY_TIMEOUT_S)

    async def _together(self, scope: Scope, body: bytes, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"} and scope["path"] != "/v2/repository/index":
            await (await self._first(scope, body)).send(send)
            return
        replies = {name: await _reply_of(one, scope, body) for name, one in self._applications.items()}
        join = _JOINED.get(scope["path"]) or (_by_function if scope["path"].startswith("/admin/") else _one)
        await join(replies).send(send)

    async def _first(self, scope: Scope, body: bytes) -> _Reply:
        """Return what the first function says that is concerned, else what the first of all says."""
        first = None
        for one in self._applications.values():
            reply = await _reply_of(one, scope, body)
            if reply.status not in {*_ELSEWHERE, *_REFUSED}:
                return reply
            if first is None or first.status in _REFUSED:
                first = reply
        assert first is not None
        return first

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run what each application runs beside its answers, from the start of the server to its end."""
        await receive()
        async with contextlib.AsyncExitStack() as running:
            for one in self._applications.values():
                await running.enter_async_context(one.other.router.lifespan_context(one.other))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


_REFUSED = {401, 403, 429}
Replies = Mapping[str, _Reply]


async def _reply_of(application: Callable[..., Awaitable[None]], scope: Scope, body: bytes) -> _Reply:
    """Return what an application answers to an exchange whose body has come."""
    reply = _Reply()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    own = {key: value for key, value in scope.items() if key != "state"}
    await application(own, receive, reply.take)
    return reply


def _one(replies: Replies) -> _Reply:
    """Return what the first says that is content, else what the first says: all say the same here."""
    return next((one for one in replies.values() if one.status < 400), next(iter(replies.values())))


def _let_in(replies: Replies, also: Sequence[int] = ()) -> Replies:
    return {name: one for name, one in replies.items() if one.status == 200 or one.status in also}


def _with(reply: _Reply, status: int, body: bytes, media: bytes | None = None) -> _Reply:
    """Return another body under the headers of a reply."""
    drop = {b"content-length"} | ({b"content-type"} if media is not None else set())
    kept = [(name, value) for name, value in reply.headers if name.lower() not in drop]
    named = [(b"content-type", media)] if media is not None else []
    return _Reply(status, [*kept, *named, (b"content-length", str(len(body)).encode())], body)


def _ready(replies: Replies) -> _Reply:
    """Return that all are ready; each one's readiness stands beside it."""
    each = {name: one.status == 200 for name, one in replies.items()}
    body = {"ready": all(each.values()), "functions": each}
    return _with(_one(replies), 200 if all(each.values()) else 503, exchange.dumped(body))


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


def _by_function(replies: Replies) -> _Reply:
    found = _let_in(replies)
    if not found:
        return _one(replies)
    each = {name: json.loads(one.body) for name, one in found.items()}
    return _with(_one(replies), 200, exchange.dumped({"functions": each}))


_JOINED: Mapping[str, Callable[[Replies], _Reply]] = {
    "/v2/health/ready": _ready,
    "/metrics": _metrics,
    "/openapi.json": _description,
    "/docs": _pages,
    "/v2/repository/index": _index,
}
