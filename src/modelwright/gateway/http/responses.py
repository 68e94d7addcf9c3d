"""The answers of paths that are not predictions: JSON, and nothing internal."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from modelwright.core.messages import Problem
from modelwright.gateway.http import exchange

CLIENT_LEFT = 499  # counted, never sent
_JSON = "application/json"


def json_response(value: object, status: int = 200) -> Response:
    """Return an answer with a value as JSON."""
    return Response(exchange.dumped(value), status, media_type=_JSON)


def error_response(problem: Problem, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that says what is wrong."""
    return Response(exchange.error_body(problem), status, headers, media_type=_JSON)


def client_left() -> Response:
    """Return what a client that has left will not read."""
    return Response(status_code=CLIENT_LEFT)
