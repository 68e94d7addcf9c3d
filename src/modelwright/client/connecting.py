"""`connect`: the one way to a client."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from modelwright.core.messages import MachineError, Problem, ProjectError

if TYPE_CHECKING:
    from modelwright.client.async_client import AsyncClient
    from modelwright.client.client import Client

TIMEOUT_S = 30.0
TRIES = 3
ROWS = 256


@overload
def connect(
    url: str,
    key: str | None = ...,
    *,
    timeout_s: float = ...,
    tries: int = ...,
    rows: int = ...,
    certificate: str | Path | None = ...,
    asynchronous: Literal[False] = ...,
) -> Client: ...
@overload
def connect(
    url: str,
    key: str | None = ...,
    *,
    timeout_s: float = ...,
    tries: int = ...,
    rows: int = ...,
    certificate: str | Path | None = ...,
    asynchronous: Literal[True],
) -> AsyncClient: ...
def connect(
    url: str,
    key: str | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    tries: int = TRIES,
    rows: int = ROWS,
    certificate: str | Path | None = None,
    asynchronous: bool = False,
) -> Client | AsyncClient:
    """Return a client of the gateway at `url`; nothing is sent until the first call.

        with modelwright.connect("http://127.0.0.1:8080") as client:
            client.route("Does Medicare cover dental?").domain

    key: what the gateway's `serve.keys` want. timeout_s: how long a call may take, all tries together; the server drops
    the work of a call whose time is over. tries: how often a call is sent that is answered 503 or 429 with
    `Retry-After`, or does not reach the server; each further try is a warning in the log `modelwright.client`. rows: of
    one request, of many rows. certificate: a PEM file with the authorities to trust, instead of the usual ones.
    asynchronous: for a program with an event loop, whose calls are awaited.

    Calls raise RequestError for what the server refuses (with its status), and ProjectError for every other failure;
    both speak in the server's words. Raises ProjectError for an address or a file that is none, MachineError without
    the library httpx.
    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise MachineError(Problem("machine.missing-library", module="httpx", extra="client")) from None
    from modelwright.client.async_client import AsyncClient
    from modelwright.client.client import Client
    from modelwright.client.talk import RemoteServer

    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        address = httpx.URL("")
    if address.scheme not in {"http", "https"} or not address.host or address.query or address.fragment:
        raise ProjectError(Problem("client.bad-url", shown=str(url)[:100]))
    if not timeout_s > 0 or tries < 1 or rows < 1:
        raise ProjectError(Problem("client.bad-option", timeout_s=timeout_s, tries=tries, rows=rows))
    server = RemoteServer(address.copy_with(query=None), key, timeout_s, tries, rows)
    verify: ssl.SSLContext | bool = True if certificate is None else _trusting(Path(certificate))
    if asynchronous:
        return AsyncClient(server, httpx.AsyncClient(verify=verify))
    return Client(server, httpx.Client(verify=verify))


def _trusting(certificate: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise ProjectError(
            Problem("client.bad-certificate", where=str(certificate), error=str(error)[:200])
        ) from None
