"""Errors as the protocol has them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import Problem
from modelwright.gateway.http import exchange

# What clients of this protocol look for; any other error has the id of its message.
_CODES: Mapping[str, str] = {
    "request.unauthorized": "invalid_api_key",
    "request.no-such-model": "model_not_found",
    "request.long-prompt": "context_length_exceeded",
    "request.rate": "rate_limit_exceeded",
    "serve.overloaded": "rate_limit_exceeded",
}
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_NAMES = ("name", "field", "beside")  # values of a message that name what was sent, what it is about first
_PARAMS = {"schema": "response_format"}  # options that the protocol has under another name


def openai_error(problem: Problem, status: int) -> tuple[int, bytes]:
    """Return the status and the body of an error; what breaks a schema is 400 to this protocol."""
    status = 400 if status == 422 else status
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    named = {key: one for key in _NAMES if isinstance(one := problem.values.get(key), str)}
    renamed = {key: _PARAMS.get(one, one) for key, one in named.items()}
    error = {
        "message": str(problem.saying(**renamed)),
        "type": kind,
        "param": next(iter(renamed.values()), None),
        "code": _CODES.get(problem.id, problem.id),
    }
    return status, exchange.dumped({"error": error}, ascii_only=True)  # it may quote half a surrogate pair
