"""The client of a program with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from modelwright.client.talk import AS_USUAL, CallSettings, RemoteServer, Send, Talking
from modelwright.core.signature import Signature
from modelwright.runtime.prediction import Prediction

T = TypeVar("T")


class AsyncClient:
    """A gateway: `await client.route("…")` asks the function `route`; `client["route"]` is the same.

    Connections are kept until `await client.close()`, or the end of an `async with` block.
    """

    def __init__(self, server: RemoteServer, http: httpx.AsyncClient) -> None:
        self._server = server
        self._http = http

    async def functions(self) -> tuple[str, ...]:
        """Return the names of the functions that are served now."""
        return await self._hold(self._server.functions())

    async def feedback(self, answer: Prediction | str, /, **outputs: object) -> None:
        """Report the truth about an answer, or about the one with that id."""
        await self._hold(self._server.feedback(answer, outputs))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def __getitem__(self, name: str) -> AsyncRemoteFunction:
        return AsyncRemoteFunction(name, self._server, self)

    def __getattr__(self, name: str) -> AsyncRemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient of {self._server.url}>"

    async def _hold(self, talking: Talking[T]) -> T:
        """Do what a talk wants until it has its result."""
        try:
            step = next(talking)
            while True:
                if not isinstance(step, Send):
                    await asyncio.sleep(step.seconds)
                    step = next(talking)
                    continue
                try:
                    response = await self._http.send(step.request, stream=step.is_stream)
                    if step.is_stream and response.status_code != 200:
                        await response.aread()
                except httpx.TransportError as error:
                    step = talking.throw(error)
                else:
                    step = talking.send(response)
        except StopIteration as done:
            result: T = done.value
            return result


@dataclass(frozen=True)
class AsyncRemoteFunction:
    """A function of a gateway, as `RemoteFunction`, but that each call is awaited."""

    name: str
    _server: RemoteServer
    _client: AsyncClient
    _call: CallSettings = AS_USUAL

    async def signature(self) -> Signature:
        """Return the signature, as the server says it."""
        return await self._client._hold(self._server.signature(self.name))

    def within(self, seconds: float) -> AsyncRemoteFunction:
        """Return the function with a deadline of its own for each call, tries included."""
        return replace(self, _call=replace(self._call, within_s=seconds))

    def asking(self, **options: object) -> AsyncRemoteFunction:
        """Return the function with options for each call, of one that writes: `max_tokens`, `temperature`, `stop` …"""
        return replace(self, _call=replace(self._call, options={**self._call.options, **options}))

    async def __call__(self, *values: object, **named: object) -> Prediction:
        """Answer one row: inputs in the signature's order, by name, or both."""
        return await self._client._hold(self._server.one(self.name, values, named, self._call))

    async def predict(self, rows: Any, *, probabilities: bool = False) -> list[Prediction]:
        """Answer rows (mappings by input, or a data frame) in the order given; many are several requests."""
        return await self._client._hold(
            self._server.many(self.name, rows, self._call, probabilities=probabilities)
        )

    async def stream(self, rows: Any) -> AsyncIterator[tuple[int, Prediction]]:
        """Yield the place and the answer of each row as it comes; of a function that writes, again as it goes on."""
        stream = await self._client._hold(self._server.opened_stream(self.name, rows, self._call))
        try:
            async for data in stream.response.aiter_raw():
                for one in stream.took(data):
                    yield one
            stream.require_end()
        except httpx.TransportError:
            stream.require_end()
        finally:
            await stream.response.aclose()
