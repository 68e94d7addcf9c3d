"""Lets a request in by its key, before anything else is done; every path but those of health goes through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.audit_log import AuditLog
from modelwright.gateway.http.exchange import error_body
from modelwright.gateway.keys import KeyRole, Keys, RateError

Endpoint = Callable[[Request], Awaitable[Response]]
_REFUSALS = {401, 403, 429}


class Admission:
    """Wraps endpoints, so that only certain roles reach them."""

    def __init__(self, keys: Keys, audit: AuditLog) -> None:
        self._keys = keys
        self._audit = audit

    @property
    def needs_keys(self) -> bool:
        """Return whether requests need a key."""
        return self._keys.required

    def by(self, *roles: KeyRole, admin: bool = False) -> Callable[[Endpoint], Endpoint]:
        """Return a decorator of endpoints for `roles`; admin: not for pages of other sites, and written down."""

        def guarded(endpoint: Endpoint) -> Endpoint:
            async def call(request: Request) -> Response:
                key = None
                try:
                    if admin:
                        _require_own_origin(request)
                    key = self._keys.require(dict(request.scope["headers"]), *roles)
                    request.state.key = key
                    response = await endpoint(request)
                except RequestError as error:
                    response = refusal(error, browser=not admin)
                if response.status_code in _REFUSALS:
                    self._audit.refused(code=response.status_code, **_about(request))
                elif admin:
                    name = key.name if key is not None else None
                    self._audit.done(key=name, code=response.status_code, **_about(request))
                return response

            return call

        return guarded


def refusal(error: RequestError, *, browser: bool = False) -> Response:
    """Return the answer to what was refused; browser: let a browser ask its user for the key."""
    headers = {}
    if isinstance(error, RateError):
        headers["retry-after"] = str(error.retry_after_s)
    elif error.status == 401:
        headers["www-authenticate"] = (
            'Basic realm="key as password", charset="UTF-8"' if browser else "Bearer"
        )
    return Response(error_body(error.problems[0]), error.status, headers, media_type="application/json")


def _require_own_origin(request: Request) -> None:
    """Raise RequestError (403) for a call that a page of another site makes, whatever its method."""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if (origin is not None and origin != own) or request.headers.get("sec-fetch-site", "none") not in {
        "none",
        "same-origin",
    }:
        raise RequestError(Problem("request.cross-origin"), 403)


def _about(request: Request) -> dict[str, str]:
    client = request.client.host if request.client is not None else ""
    return {"method": request.method, "path": request.url.path, "client": client}
