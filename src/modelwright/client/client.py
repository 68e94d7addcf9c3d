"""The client that waits for its answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from modelwright.client.talk import AS_USUAL, CallSettings, RemoteServer, Send, Talking
from modelwright.core.signature import Signature
from modelwright.runtime.prediction import Prediction

T = TypeVar("T")


class Client:
    """A gateway: `client.route("…")` asks the function `route`; `client["route"]` is the same. Safe in threads.

    Connections are kept until `close`, or the end of a `with` block.
    """

    def __init__(self, server: RemoteServer, http: httpx.Client) -> None:
        self._server = server
        self._http = http

    def functions(self) -> tuple[str, ...]:
        """Return the names of the functions that are served now."""
        return self._hold(self._server.functions())

    def feedback(self, answer: Prediction | str, /, **outputs: object) -> None:
        """Report the truth about an answer, or about the one of an id: `client.feedback(answer, domain="dental")`."""
        self._hold(self._server.feedback(answer, outputs))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __getitem__(self, name: str) -> RemoteFunction:
        return RemoteFunction(name, self._server, self)

    def __getattr__(self, name: str) -> RemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._server.url}>"

    def _hold(self, talking: Talking[T]) -> T:
        """Do what a talk wants until it has its result."""
        try:
            step = next(talking)
            while True:
                if not isinstance(step, Send):
                    time.sleep(step.seconds)
                    step = next(talking)
                    continue
                try:
                    response = self._http.send(step.request, stream=step.is_stream)
                    if step.is_stream and response.status_code != 200:
                        response.read()
                except httpx.TransportError as error:
                    step = talking.throw(error)
                else:
                    step = talking.send(response)
        except StopIteration as done:
            result: T = done.value
            return result


@dataclass(frozen=True)
class RemoteFunction:
    """A function of a gateway; call it as its signature says, or `predict` many rows at once."""

    name: str
    _server: RemoteServer
    _client: Client
    _call: CallSettings = AS_USUAL

    @property
    def signature(self) -> Signature:
        """Return the signature, as the server says it."""
        return self._client._hold(self._server.signature(self.name))

    def within(self, seconds: float) -> RemoteFunction:
        """Return the function with a deadline of its own for each call, tries included."""
        return replace(self, _call=replace(self._call, within_s=seconds))

    def asking(self, **options: object) -> RemoteFunction:
        """Return the function with options for each call, of one that writes: `max_tokens`, `temperature`, `stop` …"""
        return replace(self, _call=replace(self._call, options={**self._call.options, **options}))

    def __call__(self, *values: object, **named: object) -> Prediction:
        """Answer one row: inputs in the signature's order, by name, or both."""
        return self._client._hold(self._server.one(self.name, values, named, self._call))

    def predict(self, rows: Any, *, probabilities: bool = False) -> list[Prediction]:
        """Answer rows (mappings by input, or a data frame) in the order given; many are several requests.

        A deadline holds for each of the requests.
        """
        return self._client._hold(self._server.many(self.name, rows, self._call, probabilities=probabilities))

    def stream(self, rows: Any) -> Iterator[tuple[int, Prediction]]:
        """Yield the place and the answer of each row as it comes; of a function that writes, again as it goes on."""
        stream = self._client._hold(self._server.opened_stream(self.name, rows, self._call))
        try:
            for data in stream.response.iter_raw():
                yield from stream.took(data)
            stream.require_end()
        except httpx.TransportError:
            stream.require_end()
        finally:
            stream.response.close()
