"""What differs among the protocols that ask for predictions: how rows are read, and how answers and errors are said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Receive, Send

from modelwright.core.json_types import Json, JsonLike
from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import events, exchange, form_data
from modelwright.gateway.limits import read_json
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.gateway.traffic.service_errors import not_ready

Headers = list[tuple[bytes, bytes]]
SEED = "seed"
STREAM = "stream"  # beside the inputs of a row: whether the answer comes in parts


@dataclass(frozen=True)
class Given:
    """What a body holds: a row, or a list of them. lenient: its texts are read as on the command line (a form).

    wanted: what else it asks for, which its own dialect understands; id: the id that it brings for the request.
    options: what the worker is asked beside the rows; in_parts: whether the answer is to come as it is made.
    """

    value: object
    lenient: bool = False
    wanted: object = None
    id: str | None = None
    options: Mapping[str, JsonLike] = field(default_factory=dict)
    in_parts: bool = False


class PartSender(Protocol):
    """Sends the parts of an answer as they come; the first one begins the response."""

    @property
    def begun(self) -> bool:
        """Return whether something was sent."""

    async def part(self, place: int, answer: AnswerJson) -> None:
        """Send the answer so far to the row at a place."""

    async def end(self, answers: Sequence[AnswerJson], body: bytes) -> None:
        """Send the end: the whole answers, and the body that a request without parts would get."""

    async def error(self, body: bytes) -> None:
        """Send what went wrong in the middle; nothing follows."""


class Dialect(Protocol):
    """One protocol."""

    @property
    def version(self) -> int | None:
        """Return the version that the path names."""

    def sender(self, send: Send, served: Served, given: Given, *headers: tuple[bytes, bytes]) -> PartSender:
        """Return what sends an answer in parts, to a request that wants it so."""

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return what a request gives; `served` is the version with the largest share. Raises RequestError."""

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the body of the answer, and its headers beside the length."""

    def error(self, problem: Problem, status: int) -> tuple[int, bytes]:
        """Return the status and the body of an error; status: what it is in our own dialect."""


class RowsDialect:
    """Our own: an object or a list of objects, or a form."""

    version: int | None = None

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return what a body holds, of either content type."""
        if form_data.is_form(headers):
            if served is None:
                raise not_ready()
            row = await form_data.read(headers, receive, served.signature, served.files, limits)
            return Given(row, lenient=True, in_parts=events.wanted(headers))
        value = await json_of(headers, receive, served, limits, form=True)
        in_parts = events.wanted(headers)
        if served is None:
            return Given(value, in_parts=in_parts)
        if isinstance(value, dict) and STREAM in value and served.may_stream(STREAM):
            given = value.pop(STREAM)
            if not isinstance(given, bool):
                raise RequestError(Problem("request.option", name=STREAM, wanted="true, false"))
            in_parts = in_parts or given
        return Given(value, in_parts=in_parts, options=_options_beside(value, served.options))

    def sender(self, send: Send, served: Served, given: Given, *headers: tuple[bytes, bytes]) -> PartSender:
        """Return what sends an answer as named events."""
        return events.EventSender(send, *headers)

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the answers, as many as were asked."""
        return exchange.dumped(answers if isinstance(given.value, list) else answers[0]), []

    def error(self, problem: Problem, status: int) -> tuple[int, bytes]:
        """Return an error with its parts."""
        return status, exchange.error_body(problem)


def _options_beside(value: Json, known: Collection[str]) -> dict[str, JsonLike]:
    """Take what is asked beside the inputs out of the rows; the rows of a list ask the same, but for their seeds.

    Whether a value is one, who answers tells. Raises RequestError (422).
    """
    if not known:
        return {}
    if isinstance(value, dict):
        return _taken(value, known)
    rows = value if isinstance(value, list) else []
    options = [_taken(row, known) if isinstance(row, dict) else {} for row in rows]
    if not any(options):
        return {}
    seeds = [one.pop(SEED, None) for one in options]
    for place, one in enumerate(options):
        names = [name for name in {**options[0], **one} if one.get(name) != options[0].get(name)]
        if names:
            raise RequestError(Problem("request.options-differ", where=f"item {place}", name=names[0]))
    # a row that names no seed has the one that a request without it has
    drawn: dict[str, JsonLike] = {SEED: [0 if one is None else one for one in seeds]}
    return {**options[0], **(drawn if any(one is not None for one in seeds) else {})}


def _taken(row: dict[str, Json], known: Collection[str]) -> dict[str, JsonLike]:
    given = {name: row.pop(name) for name in known if name in row}
    return {name: one for name, one in given.items() if one is not None}


async def json_of(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    served: Served | None,
    limits: LimitsConfig,
    *,
    form: bool = False,
) -> Json:
    """Return the JSON of a body that says that it is JSON; form: a form would do, too. Raises RequestError."""
    exchange.require_json(headers, form=form)
    most = limits.of_json(len(served.files)) if served is not None else limits.body
    raw = await exchange.read_body(headers, receive, most, limits.body_timeout_s)
    if b"content-encoding" in headers:
        raw = exchange.unpacked(headers, raw, most)
    return read_json(raw, max_depth=limits.depth, max_items=limits.rows)
