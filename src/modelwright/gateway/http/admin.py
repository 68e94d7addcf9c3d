"""What operators see and do: `GET` for viewers, too, `POST` for operators alone, nothing for pages of other sites.

GET  /admin/traffic                     the versions that are loaded, and the share that each answers
GET  /admin/versions                    all versions, newest first
GET  /admin/releases[/{number}]         the releases; one of them with its decisions
POST /admin/releases                    {"version": 7, "strategy": "canary"}: request a release
POST /admin/releases/{number}/abort     end a rollout
POST /admin/rollback                    {"to": 6}: go back
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelwright.core.messages import MachineError, Problem, RequestError, UserError
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http import exchange
from modelwright.gateway.http.admission import Admission
from modelwright.gateway.http.responses import client_left, json_response, unknown_path
from modelwright.gateway.keys import Key, KeyRole
from modelwright.gateway.limits import read_json
from modelwright.gateway.operations import Found, Operations

_METHODS = (
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
)  # all of them are checked before they are refused
_MOST_BYTES, _MOST_DEPTH = 10_000, 4  # which bounds the items as well
_MOST_DIGITS = 9  # of a release's number
_UNKNOWN = {"release.unknown", "versions.unknown"}

Get = Callable[[Operations, Request], Found]
Read = Callable[[Request], Awaitable[Response]]
Post = Callable[[Operations, Mapping[str, Any], Request, str], Found]


class Admin:
    """The paths below /admin; without `operations` (a package alone is served), only the traffic is shown."""

    def __init__(self, gateway: Gateway, admission: Admission, operations: Operations | None) -> None:
        self._gateway = gateway
        self._admission = admission
        self._operations = operations

    def routes(self) -> Iterator[Route]:
        """Yield the routes, each of which takes every method, so that none goes past the check of the key."""
        yield self._route("/admin/traffic", self._traffic)
        yield self._route("/admin/versions", self._reading(lambda operations, _: operations.versions()))
        yield self._route(
            "/admin/releases", self._reading(lambda operations, _: operations.releases()), post=_request
        )
        yield self._route(
            "/admin/releases/{number}",
            self._reading(lambda operations, request: operations.release(_number(request))),
        )
        yield self._route("/admin/releases/{number}/abort", post=_abort)
        yield self._route("/admin/rollback", post=_roll_back)

    async def _traffic(self, _: Request) -> Response:
        return json_response({"function": self._gateway.function, "versions": self._gateway.versions()})

    def _reading(self, get: Get) -> Read:
        async def read(request: Request) -> Response:
            return await _done(get, self._required(), request)

        return read

    def _route(self, path: str, read: Read | None = None, post: Post | None = None) -> Route:
        allowed = ", ".join(name for name, one in (("GET", read), ("POST", post)) if one is not None)

        async def reads(request: Request) -> Response:
            if read is None:
                raise _wrong_method(request, allowed)
            return await read(request)

        async def acts(request: Request) -> Response:
            if request.method != "POST" or post is None:
                raise _wrong_method(request, allowed)
            operations, key = self._required(), self._operator(request)
            try:
                given = await _given(request)
            except exchange.ClientLeftError:
                return client_left()
            return await _done(post, operations, given, request, f"key {key.name}")

        reading = self._admission.by(KeyRole.VIEWER, admin=True)(reads)
        acting = self._admission.by(admin=True)(acts)

        async def call(request: Request) -> Response:
            return await (reading if request.method in {"GET", "HEAD"} else acting)(request)

        return Route(path, call, methods=_METHODS)

    def _required(self) -> Operations:
        if self._operations is None:
            raise RequestError(Problem("admin.no-project"), 404)
        return self._operations

    def _operator(self, request: Request) -> Key:
        """Return the operator's key; raises RequestError (403) where no keys are set: then anyone may be calling."""
        key: Key | None = request.state.key
        if key is None:
            raise RequestError(Problem("admin.no-keys", variable=self._gateway.config.keys.predict), 403)
        return key


def _request(operations: Operations, given: Mapping[str, Any], _: Request, by: str) -> Found:
    _require(given, version=int, strategy=str)
    return operations.request(given.get("version"), given.get("strategy"), by)


def _roll_back(operations: Operations, given: Mapping[str, Any], _: Request, by: str) -> Found:
    _require(given, to=int)
    return operations.roll_back(given.get("to"), by)


def _abort(operations: Operations, given: Mapping[str, Any], request: Request, by: str) -> Found:
    _require(given)
    return operations.abort(_number(request), by)


def _number(request: Request) -> int:
    """Return the number of a release that a path names; raises RequestError (404), also for one of 5,000 digits."""
    given = request.path_params["number"]
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise RequestError(unknown_path(request.scope["path"]), 404)
    return int(given)


async def _done(work: Callable[..., Found], *given: Any) -> Response:
    """Return what an operation answers; what it refuses gets 404, 409, or (a machine at its end) 503."""
    try:
        found = await asyncio.to_thread(work, *given)
    except UserError as error:
        problem = error.problems[0].at(None)  # no path of this machine
        status = 503 if isinstance(error, MachineError) else 404 if problem.id in _UNKNOWN else 409
        raise RequestError(problem, status) from None
    return json_response(found, 409 if found.get("held_back") else 200)


async def _given(request: Request) -> Mapping[str, Any]:
    """Return the object of a body; raises RequestError."""
    headers = exchange.headers_of(request.scope)
    exchange.require_json(headers)  # a page of another site cannot send that without asking first
    raw = await exchange.read_body(headers, request.receive, _MOST_BYTES, 10.0)
    body = read_json(raw or b"{}", max_depth=_MOST_DEPTH, max_items=_MOST_BYTES)
    if not isinstance(body, dict):
        raise RequestError(Problem("admin.body", keys=None, wrong=None), 422)
    return body


def _require(given: Mapping[str, Any], **types: type) -> None:
    """Raise RequestError (422) for a key that is none, or a value of another type."""
    wrong = [name for name, value in given.items() if name not in types or not _is(value, types[name])]
    if wrong:
        raise RequestError(Problem("admin.body", keys=list(types) or None, wrong=wrong[0][:60]), 422)


def _is(value: object, wanted: type) -> bool:
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return isinstance(value, wanted)


def _wrong_method(request: Request, allowed: str) -> RequestError:
    return RequestError(Problem("request.wrong-method", method=request.method[:20], allowed=allowed), 405)
