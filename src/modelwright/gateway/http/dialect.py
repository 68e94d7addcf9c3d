"""What differs among the protocols that ask for predictions: how rows are read, and how answers and errors are said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Receive

from modelwright.core.messages import Problem
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import exchange, form_data
from modelwright.gateway.limits import read_json
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.gateway.traffic.service_errors import not_ready

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Given:
    """What a body holds: a row, or a list of them. lenient: its texts are read as on the command line (a form).

    wanted: what else it asks for, which its own dialect understands; id: the id that it brings for the request.
    """

    value: object
    lenient: bool = False
    wanted: object = None
    id: str | None = None


class Dialect(Protocol):
    """One protocol."""

    @property
    def version(self) -> int | None:
        """Return the version that the path names."""

    @property
    def streams(self) -> bool:
        """Return whether answers may come as events."""

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return what a request gives; `served` is the version with the largest share. Raises RequestError."""

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the body of the answer, and its headers beside the length."""

    def error(self, problem: Problem) -> bytes:
        """Return the body of an error."""


class RowsDialect:
    """Our own: an object or a list of objects, or a form."""

    version: int | None = None
    streams = True

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return what a body holds, of either content type."""
        if form_data.is_form(headers):
            if served is None:
                raise not_ready()
            row = await form_data.read(headers, receive, served.signature, served.files, limits)
            return Given(row, lenient=True)
        exchange.require_json(headers)
        most = limits.of_json(len(served.files)) if served is not None else limits.body
        raw = await exchange.read_body(headers, receive, most, limits.body_timeout_s)
        if b"content-encoding" in headers:
            raw = exchange.unpacked(headers, raw, most)
        return Given(read_json(raw, max_depth=limits.depth, max_items=limits.rows))

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the answers, as many as were asked."""
        return exchange.dumped(answers if isinstance(given.value, list) else answers[0]), []

    def error(self, problem: Problem) -> bytes:
        """Return an error with its parts."""
        return exchange.error_body(problem)
