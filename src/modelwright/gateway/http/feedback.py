"""`POST /feedback`: the truth about an answer, when it becomes known. It goes into the record of traffic alone.

{"id": "0c09…", "domain": "dental"}     of one answer, or a list of such; of several outputs, those that are known
"""

from __future__ import annotations

import asyncio
import math
import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError, ValueProblem, did_you_mean, shown
from modelwright.core.signature import Field
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http import aside, exchange
from modelwright.gateway.http.aside import Aside
from modelwright.gateway.http.responses import client_left, error_response, json_response
from modelwright.gateway.keys import NO_KEY, Allowance, Key, RateError
from modelwright.gateway.limits import read_json, require_items
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic.bytes_under_way import BytesUnderWay
from modelwright.gateway.traffic.service_errors import ServiceError, not_ready, overloaded
from modelwright.storage.traffic.record import KnownId, LiveRecord

ID = "id"
ANSWER_ID = "^[A-Za-z0-9._:-]{1,160}$"
_ID = re.compile(ANSWER_ID)  # as `x-request-id` may be, and behind it the place in a list
_HOUR_S, _DAY_S = 3600.0, 86_400.0


@dataclass(frozen=True)
class _Truths:
    """What a client reports of one answer: JSON by output, as the record of traffic has it."""

    id: str
    outputs: Mapping[str, object]


class Feedback:
    """The endpoint; `record` is None where no traffic is recorded."""

    def __init__(
        self,
        gateway: Gateway,
        config: ServeConfig,
        telemetry: Telemetry,
        record: LiveRecord | None,
        under_way: BytesUnderWay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._config = config
        self._telemetry = telemetry
        self._record = record
        self._under_way = under_way
        self._clock = clock
        self._left: dict[str, Allowance] = {}  # by the name of a key; there are as many as in the file

    async def report(self, request: Request) -> Response:
        """Take what a client reports; raises RequestError."""
        key: Key | None = request.state.key
        if aside.of(request.scope) is Aside.PROBE:
            return Response(status_code=200 if await self._is_about(request) else 404)
        try:
            return await self._taken(request, NO_KEY if key is None else key.name)
        except exchange.ClientLeftError:
            return client_left()
        except RequestError as error:
            self._telemetry.rejected(error.problems[0].id)
            raise
        except ServiceError as error:
            self._telemetry.rejected(error.problem.id)
            return error_response(error.problem, error.status, error.headers)

    async def _taken(self, request: Request, key: str) -> Response:
        if self._record is None:
            raise RequestError(Problem("feedback.no-record"), 404)
        limits = self._config.limits
        body = await self._body(request)
        items = body if isinstance(body, list) else [body]
        require_items(len(items), min(limits.rows, self._config.feedback.per_hour))
        self._spend(key, len(items))
        truths = [
            self._read(one, f"item {n}" if isinstance(body, list) else None) for n, one in enumerate(items)
        ]
        known = await asyncio.to_thread(self._known, self._record, [one.id for one in truths], key)
        single = [one for one in truths if one.id in known and known[one.id].answers == 1]
        unknown = list(dict.fromkeys(one.id for one in truths if one.id not in known))
        shared = list(dict.fromkeys(id_ for id_, one in known.items() if one.answers > 1))
        if truths and not single:
            if unknown:
                raise RequestError(
                    Problem("feedback.unknown-id", answer=unknown[0], days=self._config.record.days), 404
                )
            raise RequestError(
                Problem("feedback.shared-id", answer=shared[0], count=known[shared[0]].answers), 409
            )
        for one in single:
            for output, value in one.outputs.items():
                if not self._record.feedback(one.id, output, value, key):
                    raise overloaded(limits.queue)
        corrected = _corrected(single, known)
        self._telemetry.feedback(
            accepted=len(single) - corrected,
            corrected=corrected,
            unknown=len(unknown),
            shared=len(shared),
        )
        found = {"accepted": len(single), "corrected": corrected, "unknown": unknown, "shared": shared}
        return json_response(found)

    async def _is_about(self, request: Request) -> bool:
        """Tell whether an answer of this function is among those that a request reports of; nothing is written."""
        if self._record is None:
            return False
        try:
            body = await self._body(request)
        except (RequestError, ServiceError):
            return False
        items = body if isinstance(body, list) else [body]
        ids = [one.get(ID) for one in items if isinstance(one, dict)]
        sane = [one for one in ids if isinstance(one, str) and _ID.fullmatch(one)]
        return bool(await asyncio.to_thread(self._known, self._record, sane, NO_KEY))

    async def _body(self, request: Request) -> object:
        """Return the JSON of a request; raises RequestError, ServiceError and ClientLeftError."""
        limits, headers = self._config.limits, exchange.headers_of(request.scope)
        exchange.require_json(headers)
        with self._under_way.counted(request.receive) as counted:
            raw = await exchange.read_body(headers, counted, limits.body, limits.body_timeout_s)
        return read_json(
            exchange.unpacked(headers, raw, limits.body), max_depth=limits.depth, max_items=limits.rows
        )

    def _spend(self, key: str, rows: int) -> None:
        """Count rows of a key; raises RateError (429) where it has none left in this hour."""
        most = self._config.feedback.per_hour
        left = self._left.setdefault(key, Allowance(most / _HOUR_S, most, self._clock))
        wait_s = left.spend(rows)
        if wait_s:
            raise RateError(Problem("feedback.too-many", most=most), math.ceil(wait_s))

    def _known(self, record: LiveRecord, ids: Sequence[str], key: str) -> dict[str, KnownId]:
        """Return what is known of ids; answers and labels of this moment, which still wait, are written first."""
        record.flush()
        return record.known(ids, time.time() - self._config.record.days * _DAY_S, key)

    def _read(self, item: object, where: str | None) -> _Truths:
        """Return the truths of one item; raises RequestError (422) with all that is wrong."""
        served = self._gateway.current
        if served is None:
            raise not_ready()
        fields = {one.name: one for one in served.signature.outputs}
        example = ", ".join(f'"{name}": …' for name in ("id", *fields))
        if not isinstance(item, dict):
            raise RequestError(
                Problem("feedback.not-an-object", where=where, shown=shown(item), example=f"{{{example}}}")
            )
        id_ = item.get(ID)
        if not isinstance(id_, str) or _ID.fullmatch(id_) is None:
            raise RequestError(Problem("feedback.no-id", where=where, example=f"{{{example}}}"))
        # Names are compared in NFC, as a signature's are; clients may send NFD.
        given = {unicodedata.normalize("NFC", name): value for name, value in item.items() if name != ID}
        if not given:
            raise RequestError(Problem("feedback.no-truth", where=where, outputs=list(fields)))
        problems, values = [], {}
        for name, value in given.items():
            if name not in fields:
                near = did_you_mean(name[:200], sorted(fields))
                problems.append(
                    Problem(
                        "feedback.unknown-output",
                        where=where,
                        output=name[:60],
                        outputs=list(fields),
                        near=near,
                    )
                )
                continue
            try:
                values[name] = self._value(fields[name], value)
            except ValueProblem as problem:
                problems.append(
                    Problem(
                        "request.wrong-value",
                        where=where,
                        field=name,
                        kind=fields[name].kind,
                        problem=problem.message,
                    )
                )
        if problems:
            raise RequestError(problems)
        return _Truths(id_, values)

    def _value(self, field: Field, given: object) -> object:
        """Return a truth as the record of traffic keeps values; raises ValueProblem."""
        kind = kinds.value(field.kind)
        value = kind.parse(given)
        if value is None:
            if field.optional:
                return None
            raise ValueProblem("feedback.missing-truth")
        names = set(self._gateway.classes(field.name))
        unseen = [one for one in kind.labels(value) if names and one not in names]
        if unseen:
            near = did_you_mean(unseen[0], sorted(names))
            raise ValueProblem("feedback.unknown-class", name=shown(unseen[0]), count=len(names), near=near)
        return kind.to_record(value)


def _corrected(truths: Sequence[_Truths], known: Mapping[str, KnownId]) -> int:
    """Return of how many rows the same key had reported one of these outputs before, in this request or earlier."""
    before = {id_: set(one.labelled) for id_, one in known.items()}
    count = 0
    for one in truths:
        count += bool(before[one.id] & one.outputs.keys())
        before[one.id] |= one.outputs.keys()
    return count
