"""The answers of paths that are not predictions: JSON, and nothing internal."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from modelwright.core.messages import Problem
from modelwright.gateway.http import exchange
from modelwright.gateway.http.openai.fitting import CHAT, OF_PROTOCOL

CLIENT_LEFT = 499  # counted, never sent
_JSON = "application/json"


def json_response(value: object, status: int = 200) -> Response:
    """Return an answer with a value as JSON."""
    return Response(exchange.dumped(value), status, media_type=_JSON)


def error_response(problem: Problem, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that says what is wrong."""
    return Response(exchange.error_body(problem), status, headers, media_type=_JSON)


def unknown_path(path: str) -> Problem:
    """Return that nothing is at a path; of one that a client of the OpenAI protocol has, which is asked instead."""
    protocol = CHAT if path.startswith(OF_PROTOCOL) else None
    return Problem("request.unknown-path", path=path[:80], protocol=protocol)


def client_left() -> Response:
    """Return what a client that has left will not read."""
    return Response(status_code=CLIENT_LEFT)
