"""What OpenAPI says of the Open Inference Protocol v2, whose own description says what a tensor holds."""

from __future__ import annotations

from modelwright.core.json_types import JsonObject
from modelwright.gateway.http.pages.openapi_parts import content, object_of

_SPECIFICATION: JsonObject = {"url": "https://github.com/kserve/open-inference-protocol"}
_MOST = 10**9 - 1  # a number of a version
_TEXT: JsonObject = {"type": "string"}
_ERROR = object_of({"error": _TEXT})
_KEYS = {"401": "The key is missing or unknown", "403": "The key has another role"}
_BUSY = {"429": "The key has used up its rate", "503": "Overloaded, or no version is ready; try again"}
_UNKNOWN = {"404": "There is no such model, or no such version of it is loaded"}
_BODY = {
    "400": "The body is not JSON, or its tensors are not those of the function",
    "413": "The request is too large",
    "415": "The content-type is neither application/json nor application/octet-stream",
    "422": "A row is none that the function takes",
}
_OCTETS: JsonObject = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def inference(function: str) -> JsonObject:
    """Return the paths of the protocol for a function, by their names; a version's are those of any number."""
    paths: JsonObject = {
        "/v2": {"get": _read("The server and the extensions that it knows", {"type": "object"})},
        "/v2/repository/index": {"post": _index()},
    }
    for version in ("", "/versions/{version}"):
        model, named = f"/v2/models/{function}{version}", _version() if version else {}
        paths[model] = {"get": {**_read("The tensors of the function", _METADATA, _UNKNOWN), **named}}
        ready = _read("Whether it would answer now (200 or 503)", {"type": "object"}, _UNKNOWN)
        paths[f"{model}/ready"] = {"get": {**ready, **named}}
        paths[f"{model}/infer"] = {"post": {**_infer(function), **named}}
    return paths


_METADATA = object_of(
    {
        "name": _TEXT,
        "versions": {"type": "array", "items": _TEXT},
        "platform": _TEXT,
        **{side: {"type": "array", "items": {"type": "object"}} for side in ("inputs", "outputs")},
    }
)


def _version() -> JsonObject:
    number: JsonObject = {"type": "integer", "minimum": 1, "maximum": _MOST}
    return {"parameters": [{"name": "version", "in": "path", "required": True, "schema": number}]}


def _read(summary: str, answer: JsonObject, more: dict[str, str] | None = None) -> JsonObject:
    return {"summary": summary, "responses": _responses(summary, content(answer), more or {})}


def _index() -> JsonObject:
    summary = "Every version that is loaded"
    wrong = {one: text for one, text in _BODY.items() if one in {"400", "413"}}
    return {
        "summary": summary,
        "requestBody": {
            "required": False,
            "content": content({"type": "object", "properties": {"ready": {"type": "boolean"}}}),
        },
        "responses": _responses(summary, content({"type": "array", "items": {"type": "object"}}), wrong),
    }


def _infer(function: str) -> JsonObject:
    tensors: JsonObject = {"type": "array", "items": {"type": "object"}, "minItems": 1}
    body: JsonObject = {
        "type": "object",
        "properties": {"id": _TEXT, "inputs": tensors},
        "required": ["inputs"],
        "externalDocs": _SPECIFICATION,
    }
    answers = {**content({"type": "object", "required": ["model_name", "outputs"]}), **_OCTETS}
    return {
        "summary": f"{function} by tensors",
        "requestBody": {"required": True, "content": content(body)},
        "responses": _responses("The answers, as tensors", answers, {**_BODY, **_UNKNOWN}),
    }


def _responses(summary: str, answer: JsonObject, more: dict[str, str]) -> JsonObject:
    refused = {**_KEYS, **_BUSY, **more}
    return {
        "200": {"description": summary, "content": answer},
        **{code: {"description": refused[code], "content": content(_ERROR)} for code in sorted(refused)},
    }
