"""What OpenAPI says of the paths beside a function's own: truths that are reported, and what operators see and do."""

from __future__ import annotations

from modelwright.core.json_types import JsonObject
from modelwright.gateway.http.pages.openapi_parts import content, object_of, one_or_many, refusals

_KEYS = {"401": "The key is missing or unknown", "403": "The key has another role, or no keys are set"}
_BODY = {
    "400": "The body is not JSON",
    "413": "The request is too large",
    "415": "The content-type is not application/json",
    "422": "The body, or a value in it, is none that this path takes",
}
_BUSY = {"429": "The key has used up its rate", "503": "Overloaded, or no version is ready; try again"}
_NO_PROJECT = "There is no such release or version, or the gateway serves a package alone"
_MOST = 10**9 - 1  # a number of a release or a version


def feedback() -> JsonObject:
    """Return the path that takes truths, by its name."""
    count: JsonObject = {"type": "integer", "minimum": 0}
    ids: JsonObject = {"type": "array", "items": {"type": "string"}}
    taken = object_of({"accepted": count, "corrected": count, "unknown": ids, "shared": ids})
    texts = {
        **_BODY,
        **_KEYS,
        **_BUSY,
        "404": "No answer has this id (or its record is gone), or nothing is recorded",
        "409": "Several answers have this id",
    }
    return {
        "/feedback": {
            "post": {
                "summary": "Report the truth about an answer, or several, when it becomes known",
                "operationId": "feedback",
                "requestBody": {"required": True, "content": content(one_or_many("Truth"))},
                "responses": {
                    "200": {"description": "What was taken of it", "content": content(taken)},
                    **refusals(dict(sorted(texts.items()))),
                },
            }
        }
    }


def admin() -> JsonObject:
    """Return the paths of operators (`GET` for viewers, too) by their names."""
    number: JsonObject = {"type": "integer", "minimum": 1, "maximum": _MOST}
    request = object_of({"version": number, "strategy": {"type": "string"}}, [])
    return {
        "/admin/traffic": {"get": _read("The versions that are loaded, and the share that each answers")},
        "/admin/versions": {"get": _read("All versions, newest first")},
        "/admin/releases": {
            "get": _read("The releases, newest first"),
            "post": _act("Request a release", request),
        },
        "/admin/releases/{number}": {
            "get": {**_read("A release with its decisions and their evidence"), **_named(number)},
        },
        "/admin/releases/{number}/abort": {
            "post": {**_act("End a rollout that is under way", object_of({})), **_named(number)},
        },
        "/admin/rollback": {"post": _act("Go back to an earlier version", object_of({"to": number}, []))},
    }


def _named(number: JsonObject) -> JsonObject:
    """Return the parameters of an operation whose path names a release."""
    return {"parameters": [{"name": "number", "in": "path", "required": True, "schema": number}]}


def _read(summary: str) -> JsonObject:
    texts = {**_KEYS, **_BUSY, "404": _NO_PROJECT, "409": "The state does not allow it"}
    return {
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": content({"type": "object"})},
            **refusals(dict(sorted(texts.items()))),
        },
    }


def _act(summary: str, body: JsonObject) -> JsonObject:
    texts = {**_BODY, **_KEYS, **_BUSY, "404": _NO_PROJECT}
    held: JsonObject = {
        "description": "The state does not allow it, or requirements hold the version back",
        "content": content({"type": "object"}),
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content(body)},
        "responses": {
            "200": {"description": "What was requested", "content": content({"type": "object"})},
            "409": held,
            **refusals(dict(sorted(texts.items()))),
        },
    }
