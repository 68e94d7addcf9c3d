"""The Open Inference Protocol v2: a model's metadata, its readiness, and its answers as tensors.

GET  /v2, /v2/models/{m}[/versions/{v}][/ready]      POST /v2/models/{m}[/versions/{v}]/infer
POST /v2/repository/index                            what is loaded; loading is the releases' alone

Every error below /v2 is `{"error": "a text"}`, whoever refuses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http import exchange
from modelwright.gateway.http.dialect import Given, Headers, PartSender
from modelwright.gateway.http.responses import client_left, json_response
from modelwright.gateway.http.v2 import tensors
from modelwright.gateway.limits import read_json
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.gateway.traffic.service_errors import not_ready

_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
JSON_BYTES = b"inference-header-content-length"
_OCTETS = b"application/octet-stream"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
PLATFORM = "modelwright"
INDEX_BYTES, INDEX_S = 10_000, 10.0  # of the body of a request for the index
_NOT_LOADED = "request.version-not-loaded"


@dataclass(frozen=True)
class _Wanted:
    """Which outputs a request wants, each with whether in binary (None: all that there are), and its own id."""

    id: str | None
    outputs: Mapping[str, bool] | None
    is_binary: bool


class TensorDialect:
    """The dialect of one path: a model by its name, and perhaps a version."""

    def __init__(self, function: str, model: str, version: str | None) -> None:
        self.version = None if version is None else int(version)
        self._function = function
        self._model = model

    @classmethod
    def of(cls, function: str, path: str) -> TensorDialect | None:
        """Return the dialect of a path, or None where it asks nothing of a model of this gateway."""
        found = _INFER.fullmatch(path)
        if found is None or not is_model(function, found[1]):
            return None
        if found[2] is not None and not _is_version(found[2]):
            return None
        return cls(function, found[1], found[2])

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return the rows of the tensors of a request; raises RequestError."""
        if served is None:
            raise not_ready()
        most = limits.of_json(len(served.files))
        raw = await exchange.read_body(headers, receive, most, limits.body_timeout_s)
        if b"content-encoding" in headers:
            raw = exchange.unpacked(headers, raw, most)
        text, blob = _cut(headers, raw)
        body = read_json(text, max_depth=limits.depth, max_items=limits.rows)
        if not isinstance(body, dict):
            raise _wrong("inputs", "inputs-list")
        rows = tensors.rows_of(served.signature.inputs, body.get("inputs"), blob, limits.rows, limits.depth)
        own = body.get("id")
        if own is not None and not isinstance(own, str):
            raise _wrong("id", "id")
        known = {one.name for one in served.signature.outputs}
        wanted = _Wanted(
            own, _outputs(body, known | {n + tensors.CONFIDENCE for n in known}), _binary(body, False)
        )
        return Given(rows, wanted=wanted, id=own if own is not None and _SANE_ID.fullmatch(own) else None)

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the answers as tensors, those in binary behind the JSON."""
        wanted = given.wanted
        assert isinstance(wanted, _Wanted)
        found, blobs = [], []
        for one in tensors.answers(served.signature.outputs, [answer["outputs"] for answer in answers]):
            if wanted.outputs is not None and one.name not in wanted.outputs:
                continue
            if (
                wanted.outputs.get(one.name, wanted.is_binary)
                if wanted.outputs is not None
                else wanted.is_binary
            ):
                head, blob = one.as_binary()
                found.append(head)
                blobs.append(blob)
            else:
                found.append(one.as_json())
        head = {"model_name": self._function, "model_version": str(served.version), "outputs": found}
        if wanted.id is not None:
            head["id"] = wanted.id
        text = exchange.dumped(head)
        if not blobs:
            return text, []
        size = str(len(text)).encode()
        return b"".join([text, *blobs]), [(JSON_BYTES, size), (b"content-type", _OCTETS)]

    def sender(self, send: Send, served: Served, given: Given, *headers: tuple[bytes, bytes]) -> PartSender:
        """Never called: no request of this protocol wants parts."""
        raise NotImplementedError

    def error(self, problem: Problem, status: int) -> tuple[int, bytes]:
        """Return an error as this protocol has it; a version of the path is there, or is not."""
        if self.version is not None and problem.id == _NOT_LOADED:
            return v2_error(_unknown_model(f"{self._model}/{self.version}", self._function), 404)
        return v2_error(problem, status)


class Models:
    """What the protocol tells about the models of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def server(self, _: Request) -> Response:
        """Return the name and the version of the server, and the extensions that it knows."""
        extensions = ["binary_tensor_data", "model_repository"]
        return json_response(
            {"name": "modelwright", "version": metadata.version("modelwright"), "extensions": extensions}
        )

    async def description(self, request: Request) -> Response:
        """Return the tensors of a model."""
        served = self._found(request)
        if served is None:
            return _not_ready()
        signature = served.signature
        outputs = []
        for one in tensors.described(signature.outputs):
            confidence = {"name": f"{one['name']}{tensors.CONFIDENCE}", "datatype": "FP32", "shape": [-1]}
            outputs += [one, confidence]
        return json_response(
            {
                "name": signature.name,
                "versions": [str(one["version"]) for one in self._gateway.versions()],
                "platform": PLATFORM,
                "inputs": tensors.described(signature.inputs),
                "outputs": outputs,
            }
        )

    async def ready(self, request: Request) -> Response:
        """Tell whether a model would answer now."""
        served = self._found(request)
        if served is None:
            return _not_ready()
        return json_response(
            {"name": served.signature.name, "ready": served.pool.alive}, 200 if served.pool.alive else 503
        )

    async def index(self, request: Request) -> Response:
        """Return every version that is loaded; those that would answer now alone, where the body says `ready`."""
        try:
            raw = await exchange.read_body(
                exchange.headers_of(request.scope), request.receive, INDEX_BYTES, INDEX_S
            )
        except exchange.ClientLeftError:
            return client_left()
        wanted = read_json(raw or b"{}", max_depth=2, max_items=INDEX_BYTES)
        ready = wanted.get("ready", False) if isinstance(wanted, dict) else None
        if not isinstance(ready, bool):
            raise RequestError(Problem("request.index"), 400)
        states = [
            {
                "name": self._gateway.function,
                "version": str(one["version"]),
                "state": "READY" if one["ready"] else "UNAVAILABLE",
                "reason": "",
            }
            for one in self._gateway.versions()
            if one["ready"] or not ready
        ]
        return json_response(states)

    async def move(self, _: Request) -> Response:
        """Refuse to load and to unload: what is not released is not served."""
        raise RequestError(Problem("request.load-by-release"), 400)

    def _found(self, request: Request) -> Served | None:
        """Return the version that a path names, None where it names none and none answers yet; raises RequestError."""
        function = self._gateway.function
        model, version = request.path_params["model"], request.path_params.get("version")
        if not is_model(function, model) or (version is not None and not _is_version(version)):
            raise RequestError(_unknown_model(model, function), 404)
        if version is None:
            return self._gateway.current
        served = self._gateway.loaded(int(version))
        if served is None:
            raise RequestError(_unknown_model(f"{model}/{version}", function), 404)
        return served


def is_model(function: str, name: str) -> bool:
    """Tell whether a name of a path is that of the function; clients may send it in another form of Unicode."""
    return unicodedata.normalize("NFC", name) == function


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _cut(headers: Mapping[bytes, bytes], raw: bytes) -> tuple[bytes, bytes]:
    """Return the JSON of a body and the bytes behind it; raises RequestError (400, 415)."""
    given = headers.get(JSON_BYTES)
    if given is None:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in {b"", b"application/json", _OCTETS}:  # clients of this protocol may name none
            exchange.require_json(headers)
        return raw, b""
    if not given.isdigit() or len(given) > 18 or int(given) > len(raw):
        raise _wrong("inputs", "header-length")
    return raw[: int(given)], raw[int(given) :]


def _outputs(body: Mapping[str, Any], known: set[str]) -> dict[str, bool] | None:
    """Return which outputs are wanted, each with whether in binary; None where the request names none."""
    given = body.get("outputs")
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        raise _wrong("outputs", "outputs-list")
    wanted = {}
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise _wrong("outputs", "tensor-name")
        if one["name"] not in known:
            raise _wrong(one["name"], "unknown-output")
        wanted[one["name"]] = _binary(one, _binary(body, False))
    return wanted


def _binary(holder: Mapping[str, Any], otherwise: bool) -> bool:  # noqa: FBT001 - what holds where nothing is said
    """Return whether an output, or all of them, are wanted in binary."""
    parameters = holder.get("parameters")
    if parameters is None:
        return otherwise
    if not isinstance(parameters, dict):
        raise _wrong("outputs", "parameters")
    found = parameters.get("binary_data", parameters.get("binary_data_output", otherwise))
    return found is True


def _wrong(name: str, what: str) -> RequestError:
    return RequestError(Problem("request.tensor", name=name[:60], what=what, wanted="", found_count=0), 400)


def refused(error: RequestError, headers: Mapping[str, str]) -> Response:
    """Return a refusal in the protocol's form."""
    status, body = v2_error(error.problems[0], error.status)
    return Response(body, status, headers, media_type="application/json")


def v2_error(problem: Problem, status: int) -> tuple[int, bytes]:
    """Return the status and the body of an error: one text."""
    return status, exchange.dumped(
        {"error": str(problem)}, ascii_only=True
    )  # it may quote half a surrogate pair


def _not_ready() -> Response:
    error = not_ready()
    status, body = v2_error(error.problem, error.status)
    return Response(body, status, error.headers, media_type="application/json")


def _unknown_model(model: str, function: str) -> Problem:
    return Problem("request.unknown-model", model=model[:80], function=function)
