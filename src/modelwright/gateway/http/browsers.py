"""What a page of another site could make a browser send, which has the browser's user for its author, not its own."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache

from modelwright.core.messages import Problem, RequestError

# What a page may send to another site without asking that site first (https://fetch.spec.whatwg.org/#cors-safelisted-
# request-header); for every other type the browser asks, and this server gives no such leave.
_UNASKED = {b"", b"multipart/form-data", b"application/x-www-form-urlencoded", b"text/plain"}
_OWN = {b"none", b"same-origin"}


class LocalHosts:
    """The hosts that a server without keys answers for: this machine, by its addresses or by names that are known.

    A page of another site may let its own name lead to 127.0.0.1 once it is loaded (DNS rebinding); to the browser this
    server is then that page's own. What tells the two apart is the name.
    """

    def __init__(self, names: Collection[str]) -> None:
        known = {"localhost", *(name.lower() for name in names)}

        @lru_cache(64)
        def is_local(host: bytes) -> bool:
            name = host.decode("latin-1").lower()
            if not name.endswith("]"):
                head, colon, port = name.rpartition(":")
                name = head if colon and port.isdigit() else name
            return name in known or name.endswith(".localhost") or _is_address(name.strip("[]"))

        self._is_local = is_local

    def require(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise RequestError (403) for a request to another host; what names none comes from no browser."""
        host = headers.get(b"host")
        if host is not None and not self._is_local(host):
            shown = host[:80].decode("latin-1")
            raise RequestError(Problem("request.other-host", host=shown), 403)


def require_own_page(headers: Mapping[bytes, bytes]) -> None:
    """Raise RequestError (403) for what a page of another site has sent without asking."""
    origin = headers.get(b"origin")
    if origin is None:
        return
    given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if given not in _UNASKED:
        return
    # Pages cannot set this header; browsers leave it out where they do not trust the connection.
    site = headers.get(b"sec-fetch-site")
    own = site in _OWN if site is not None else origin.partition(b"://")[2] == headers.get(b"host")
    if not own:
        raise RequestError(Problem("request.foreign-form"), 403)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
