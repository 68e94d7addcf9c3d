"""One HTTP exchange, read and written by hand: the path that every prediction takes must be short."""

from __future__ import annotations

import asyncio
import json
import os
import re
import types
import zlib
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, TypeVar

from starlette.types import Receive, Scope, Send

from modelwright.core.messages import Problem, RequestError

T = TypeVar("T")

MOST_RATIO = 200  # bytes out of one of gzip; JSON rows that are much alike reach some 50
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
# Most answers are there sooner than this; only then is it worth the work to notice that a client left.
_WATCH_AFTER_S = 0.05
_ASCII = json.JSONEncoder(separators=(",", ":"))
_UNICODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class ClientLeftError(Exception):
    """The client closed its connection before it was answered."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by lower-case name (the last of those that occur twice)."""
    return dict(scope["headers"])


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """Return the caller's `x-request-id` where it is short and plain, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _SANE_ID.fullmatch(given):
        return given.decode("ascii")
    return os.urandom(16).hex()


def require_json(headers: Mapping[bytes, bytes], *, form: bool = False) -> None:
    """Raise RequestError (415) for a body that does not say that it is JSON; form: a form would do, too."""
    given = headers.get(b"content-type", b"")
    if given != b"application/json" and given.partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError(
            Problem("request.not-json-type", given=given[:80].decode("ascii", "replace") or None, form=form),
            415,
        )


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, max_body: int, timeout_s: float
) -> bytes:
    """Return the body; raises RequestError (413 too large, 408 too slow) or ClientLeftError.

    What the header says is only a first sieve: the bytes themselves are counted.
    """
    _require_length(headers, max_body)
    chunks: list[bytes] = []
    try:
        return await _within(timeout_s, _chunks(receive, max_body, chunks))
    except TimeoutError:
        size = sum(map(len, chunks))
        raise RequestError(Problem("request.too-slow", size=size, seconds=timeout_s), 408) from None


async def feed_body(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    max_body: int,
    timeout_s: float,
    take: Callable[[bytes], None],
) -> None:
    """Hand the body on piece by piece, as it comes; raises what `read_body` and `take` do."""
    _require_length(headers, max_body)
    size = 0

    async def pass_on() -> None:
        nonlocal size
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            chunk = message.get("body", b"")
            # What fits is handed on before the rest is refused: however the bytes are cut into pieces on their
            # way, the same body gets the same answer.
            take(chunk[: max_body - size])
            size += len(chunk)
            if size > max_body:
                raise _too_large(max_body)
            more = message.get("more_body", False)

    try:
        await _within(timeout_s, pass_on())
    except TimeoutError:
        raise RequestError(Problem("request.too-slow", size=size, seconds=timeout_s), 408) from None


def _require_length(headers: Mapping[bytes, bytes], max_body: int) -> None:
    """Raise RequestError (413) for a body that says that it is too large."""
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and (len(length) > 18 or int(length) > max_body):
        raise _too_large(max_body)


async def _chunks(receive: Receive, max_body: int, chunks: list[bytes]) -> bytes:
    """Return the body; what has come of it is in `chunks`."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_body:
            raise _too_large(max_body)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if len(chunks) > 1 else chunk


@types.coroutine
def _within(seconds: float, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Return what a coroutine returns; raises TimeoutError where that takes longer.

    As `asyncio.timeout`, but without a timer where the coroutine ends before it first waits: a body has mostly come
    with its headers, and a timer that is set and taken back costs some 5 % of the gateway's work on a request.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    task, late = asyncio.current_task(), False
    assert task is not None

    def end() -> None:
        nonlocal late
        late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, end)
    try:
        while True:
            try:
                given = yield waits_for
            except BaseException as error:
                waits_for = work.throw(error)
            else:
                waits_for = work.send(given)
    except StopIteration as done:
        found = done.value
        return found
    except asyncio.CancelledError:
        if late and task.uncancel() == 0:  # no one else has cancelled the request, too
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def unpacked(headers: Mapping[bytes, bytes], body: bytes, max_body: int) -> bytes:
    """Return a body as it was before `content-encoding`; raises RequestError for another one than gzip (415).

    What is unpacked is bounded like a plain body, and in its ratio (413); what is no gzip is refused (400).
    """
    given = headers.get(b"content-encoding", b"").strip().lower()
    if given in {b"", b"identity"}:
        return body
    if given not in {b"gzip", b"x-gzip"}:
        raise RequestError(Problem("request.encoding", given=given[:60].decode("ascii", "replace")), 415)
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: gzip, and nothing else
    most = min(max_body, MOST_RATIO * len(body))
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise RequestError(Problem("request.bad-gzip"), 400) from None
    if len(plain) > most:
        ratio = MOST_RATIO if most < max_body else None
        raise RequestError(Problem("request.too-large-unpacked", most=most, ratio=ratio), 413)
    if not unpacker.eof or unpacker.unused_data:
        raise RequestError(Problem("request.bad-gzip"), 400)
    return plain


class Departure:
    """Cancels the task of a request when its client leaves; to be stopped before the answer is sent."""

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        self.left = False
        self._receive = receive
        self._request = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._timer = loop.call_later(_WATCH_AFTER_S, self._watch)

    def stop(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            # What is cancelled holds this in its trace: were it held here, each request would wait for the collector.
            self._watcher = None

    def _watch(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        assert self._request is not None
        self._request.cancel()


async def send_json(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send an answer; it is JSON unless one of the headers says what else."""
    is_named = any(name == b"content-type" for name, _ in headers)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                *(() if is_named else ((b"content-type", b"application/json"),)),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def error_body(problem: Problem) -> bytes:
    """Return an error as every path of the server answers it."""
    found = f"{problem.found} in {problem.where}" if problem.where else problem.found
    error = {"id": problem.id, "rule": problem.rule, "found": found, "next": problem.next_step}
    return dumped({"error": error}, ascii_only=True)  # it may quote half a surrogate pair


def dumped(value: object, *, ascii_only: bool = False) -> bytes:
    """Return a value as compact JSON."""
    return (_ASCII if ascii_only else _UNICODE).encode(value).encode()


def _too_large(max_body: int) -> RequestError:
    return RequestError(Problem("request.too-large", most=max_body), 413)
