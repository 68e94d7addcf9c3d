"""What is sent to a gateway, in which order, and what its answers mean. Who sends it (`client`, `async_client`), waits.

Each talk is a generator: it yields what is to be done next, gets what came of it, and returns its result. So both
clients share every rule, and neither knows any.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from modelwright.client import wire_rows
from modelwright.client.event_reader import EventReader
from modelwright.core.messages import Problem, ProjectError, RequestError
from modelwright.core.messages.near import did_you_mean
from modelwright.core.signature import Signature
from modelwright.runtime.prediction import Prediction

_FIRST_WAIT_S = (
    0.2  # before another try to reach a server that does not answer at all; then twice as long, and so on
)
_GRACE_S = 0.5  # the server's own answer that it was too late says more than a connection that was given up
_TRY_AGAIN = {429, 503}  # where the server says when
_LOG = logging.getLogger("modelwright.client")
T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send a request, and come back with the answer; is_stream: as soon as its head is there."""

    request: httpx.Request
    is_stream: bool = False


@dataclass(frozen=True)
class Wait:
    """Wait so many seconds."""

    seconds: float


Talking = Generator[Send | Wait, httpx.Response, T]


@dataclass(frozen=True)
class CallSettings:
    """What holds for each call of a function: its deadline (None: the client's own), and what is asked beside rows."""

    within_s: float | None = None
    options: Mapping[str, object] = field(default_factory=dict)


AS_USUAL = CallSettings()


@dataclass(frozen=True)
class RemoteServer:
    """A gateway somewhere: its address, the key that it wants, and how long and how often it is tried."""

    url: httpx.URL
    key: str | None
    timeout_s: float
    tries: int
    rows: int  # of one request
    signatures: dict[str, Signature] = field(default_factory=dict, compare=False)  # those that are known

    def functions(self) -> Talking[tuple[str, ...]]:
        """Return the names of the functions that it serves."""
        yield from self._learn(self._by())
        return tuple(sorted(self.signatures))

    def signature(self, function: str, by_s: float | None = None) -> Talking[Signature]:
        """Return the signature of a function; raises ProjectError where there is none of that name."""
        if function not in self.signatures:
            yield from self._learn(by_s or self._by())
        found = self.signatures.get(function)
        if found is None:
            known = sorted(self.signatures)
            near = did_you_mean(function, known)
            raise ProjectError(
                Problem(
                    "client.no-function", where=str(self.url), name=function[:60], functions=known, near=near
                )
            )
        return found

    def one(
        self,
        function: str,
        values: Sequence[object],
        by_name: Mapping[str, object],
        call: CallSettings,
    ) -> Talking[Prediction]:
        """Return the answer to one row."""
        by_s = self._by(call.within_s)
        signature = yield from self.signature(function, by_s)
        rows = [wire_rows.row_of(signature, values, by_name)]
        (text,) = wire_rows.row_texts(signature, rows, call.options)
        answer = yield from self._json(self._post(f"/{function}", text), by_s)
        with self.of_a_gateway():
            return wire_rows.prediction_of(signature, answer)

    def many(
        self, function: str, rows: Any, call: CallSettings, *, probabilities: bool
    ) -> Talking[list[Prediction]]:
        """Return the answers to rows in their order; many rows are several requests, one after another."""
        found: list[Prediction] = []
        signature = yield from self.signature(function, self._by(call.within_s))
        query = {"probabilities": "true"} if probabilities else {}
        texts = wire_rows.row_texts(signature, rows, call.options)
        for portion in wire_rows.portions(texts, self.rows):
            answers = yield from self._json(
                self._post(f"/{function}", _list(portion), query), self._by(call.within_s)
            )
            with self.of_a_gateway():
                found += [wire_rows.prediction_of(signature, one) for one in answers]
        return found

    def opened_stream(self, function: str, rows: Any, call: CallSettings) -> Talking[Stream]:
        """Return the answers to rows as they come; the response in it is open."""
        by_s = self._by(call.within_s)
        signature = yield from self.signature(function, by_s)
        texts = wire_rows.row_texts(signature, rows, call.options)
        request = self._post(f"/{function}", _list(texts))
        request.headers["accept"] = "text/event-stream"
        response = yield from self._answered(request, by_s, is_stream=True)
        return Stream(self, response, signature, len(texts))

    def feedback(self, answer: Prediction | str, outputs: Mapping[str, object]) -> Talking[None]:
        """Report what the answer should have been."""
        known = answer.id if isinstance(answer, Prediction) else answer
        if known is None:
            raise ProjectError(Problem("client.no-id"))
        signature = next(
            (one for one in self.signatures.values() if {*outputs} <= {f.name for f in one.outputs}), None
        )
        body = {"id": known, **wire_rows.truth_of(outputs, signature)}
        yield from self._json(self._post("/feedback", json.dumps(body).encode()), self._by())

    def refusal(self, response: httpx.Response, tries: int = 1) -> ProjectError | RequestError:
        """Return what an answer other than 200 means, in the server's own words; the whole answer must be there."""
        return _refusal(self.url, response.status_code, response.content, tries)

    def _by(self, within_s: float | None = None) -> float:
        """Return when a call must have ended."""
        return time.monotonic() + (self.timeout_s if within_s is None else within_s)

    def _learn(self, by_s: float) -> Talking[None]:
        """Learn which functions are served, from what the server says of itself."""
        described = yield from self._json(self._request("GET", "/openapi.json"), by_s)
        with self.of_a_gateway():
            for path, verbs in described["paths"].items():
                summary = verbs.get("post", {}).get("summary", "")
                if "->" in summary:
                    self.signatures[path.removeprefix("/")] = Signature.parse(summary)

    def _json(self, request: httpx.Request, by_s: float) -> Talking[Any]:
        response = yield from self._answered(request, by_s)
        with self.of_a_gateway():
            return response.json() if response.content else None

    @contextmanager
    def of_a_gateway(self) -> Iterator[None]:
        """Raise ProjectError where an answer with 200 is not in the form of a gateway's."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError):
            raise ProjectError(Problem("client.no-gateway", where=str(self.url), status=200)) from None

    def _answered(
        self, request: httpx.Request, by_s: float, *, is_stream: bool = False
    ) -> Talking[httpx.Response]:
        """Return the answer with 200; tries again where the server says when, or is not reached, and time is left."""
        for tries in range(1, self.tries + 1):
            left_s = by_s - time.monotonic()
            request.headers["x-timeout-ms"] = str(max(1, round(1000 * left_s)))
            request.extensions["timeout"] = httpx.Timeout(max(left_s, 0.001) + _GRACE_S).as_dict()
            try:
                response = yield Send(request, is_stream)
            except httpx.TransportError as error:
                wait_s = _FIRST_WAIT_S * 2 ** (tries - 1)
                failure: ProjectError | RequestError = _unreached(self.url, error, tries, self.timeout_s)
                why = str(failure)
            else:
                if response.status_code == 200:
                    return response
                failure = self.refusal(response, tries)
                given = response.headers.get("retry-after", "")
                if response.status_code not in _TRY_AGAIN or not given.isdigit():
                    raise failure
                wait_s, why = float(given), f"{response.status_code}, Retry-After: {given}"
            # Many clients that were refused together do not come back together.
            wait_s *= 1 + random.SystemRandom().random() / 4
            if tries == self.tries or time.monotonic() + wait_s >= by_s:
                raise failure
            _LOG.warning("%s: %s; try %d of %d in %.1f s", request.url, why, tries + 1, self.tries, wait_s)
            yield Wait(wait_s)
        raise AssertionError("the last try returns or raises")

    def _post(self, path: str, content: bytes, query: Mapping[str, str] | None = None) -> httpx.Request:
        return self._request("POST", path, content, query)

    def _request(
        self, method: str, path: str, content: bytes | None = None, query: Mapping[str, str] | None = None
    ) -> httpx.Request:
        headers = {"authorization": f"Bearer {self.key}"} if self.key is not None else {}
        if content is not None:
            headers["content-type"] = "application/json"
        url = self.url.copy_with(path=self.url.path.rstrip("/") + path)
        return httpx.Request(
            method, url.copy_merge_params(query) if query else url, headers=headers, content=content
        )


class Stream:
    """The answers to rows as they come: each as its row's place and what it says so far."""

    def __init__(
        self, server: RemoteServer, response: httpx.Response, signature: Signature, rows: int
    ) -> None:
        self.response = response
        self._server = server
        self._signature = signature
        self._rows = rows
        self._events = EventReader()
        self._shown: dict[int, Prediction] = {}
        self._ended = False

    def took(self, data: bytes) -> Iterator[tuple[int, Prediction]]:
        """Yield what is new in a piece of the response; raises ProjectError or RequestError where it says that."""
        for name, text in self._events.events(data):
            if name == "error":
                raise _refusal(self._server.url, 200, text, 1)
            with self._server.of_a_gateway():
                body = json.loads(text)
                if name == "part":
                    found = [(int(body["id"].rpartition(".")[2]), body)]
                else:
                    found = list(enumerate(body)) if name == "end" else []
                answers = [(place, wire_rows.prediction_of(self._signature, one)) for place, one in found]
            self._ended |= name == "end"
            for place, answer in answers:
                if self._shown.get(place) != answer:
                    self._shown[place] = answer
                    yield place, answer

    def require_end(self) -> None:
        """Raise ProjectError where the response ended before the answers did."""
        if not self._ended:
            raise ProjectError(Problem("client.stream-cut", where=str(self._server.url), rows=self._rows))


def _list(texts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _refusal(url: httpx.URL, status: int, content: bytes, tries: int) -> ProjectError | RequestError:
    try:
        error = json.loads(content)["error"]
        problem = Problem(
            "client.refused",
            status=status,
            code=error["id"],
            said_found=error["found"],
            said_rule=error["rule"] or None,
            said_next=error["next"] or None,
            tries=tries,
        )
    except (ValueError, LookupError, TypeError):  # a proxy's page, or no gateway at all
        return ProjectError(Problem("client.no-gateway", where=str(url), status=status))
    return RequestError(problem, status) if 400 <= status < 500 else ProjectError(problem)


def _unreached(url: httpx.URL, error: httpx.TransportError, tries: int, timeout_s: float) -> ProjectError:
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        return ProjectError(Problem("client.timeout", where=str(url), seconds=timeout_s))
    reason = str(error) or type(error).__name__
    return ProjectError(Problem("client.unreached", where=str(url), reason=reason[:200], tries=tries))
