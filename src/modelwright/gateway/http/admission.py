"""Lets a request in by its key, before anything else is done; every path but those of health goes through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.audit_log import AuditLog
from modelwright.gateway.http import aside
from modelwright.gateway.http.aside import Aside
from modelwright.gateway.http.browsers import LocalHosts, require_own_page
from modelwright.gateway.http.responses import error_response
from modelwright.gateway.keys import Key, KeyRole, Keys, RateError

Endpoint = Callable[[Request], Awaitable[Response]]
ErrorForm = Callable[[RequestError, dict[str, str]], Response]
REFUSALS = {401, 403, 429}


class Admission:
    """Wraps endpoints, so that only certain roles reach them."""

    def __init__(self, keys: Keys, audit: AuditLog, hosts: LocalHosts) -> None:
        """Let in by `keys`; where there are none, only requests to `hosts`."""
        self._keys = keys
        self._audit = audit
        self._hosts = hosts

    @property
    def needs_keys(self) -> bool:
        """Return whether requests need a key."""
        return self._keys.required

    def admitted(self, headers: Mapping[bytes, bytes], *roles: KeyRole, counts: bool = True) -> Key | None:
        """Return the key of a request, None where no keys are required; raises RequestError as `Keys.require` does.

        Without keys, a request must be for this machine; from a page of another site it is refused with and without.
        counts: whether it is one of those that the key has a second.
        """
        require_own_page(headers)
        if not self._keys.required:
            self._hosts.require(headers)
        return self._keys.require(headers, *roles, counts=counts)

    def open(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint that needs no key, and answers for this machine alone where nothing needs one."""

        async def call(request: Request) -> Response:
            if not self._keys.required:
                try:
                    self._hosts.require(dict(request.scope["headers"]))
                except RequestError as error:
                    return refusal(error)
            return await endpoint(request)

        return call

    def by(
        self, *roles: KeyRole, admin: bool = False, form: ErrorForm | None = None
    ) -> Callable[[Endpoint], Endpoint]:
        """Return a decorator of endpoints for `roles`; admin: not for pages of other sites, and written down.

        form: of refusals, where it is not our own.
        """

        def guarded(endpoint: Endpoint) -> Endpoint:
            async def call(request: Request) -> Response:
                key, among = None, aside.of(request.scope)
                try:
                    if admin:
                        _require_own_origin(request)
                    counts = among is not Aside.PROBE
                    key = self.admitted(dict(request.scope["headers"]), *roles, counts=counts)
                    request.state.key = key
                    response = await endpoint(request)
                except RequestError as error:
                    response = refusal(error, form, browser=not admin)
                if response.status_code in REFUSALS:
                    if among is None:
                        self._audit.refused(code=response.status_code, **_about(request))
                elif admin:
                    name = key.name if key is not None else None
                    self._audit.done(key=name, code=response.status_code, **_about(request))
                return response

            return call

        return guarded


def refusal(error: RequestError, form: ErrorForm | None = None, *, browser: bool = False) -> Response:
    """Return the answer to what was refused; browser: let a browser ask its user for the key."""
    headers = {}
    if isinstance(error, RateError):
        headers["retry-after"] = str(error.retry_after_s)
    elif error.status == 401:
        headers["www-authenticate"] = (
            'Basic realm="key as password", charset="UTF-8"' if browser else "Bearer"
        )
    return error_response(error.problems[0], error.status, headers) if form is None else form(error, headers)


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
    return {"method": request.method, "path": request.scope["path"], "client": client}
