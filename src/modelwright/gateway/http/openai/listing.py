"""`GET /v1/models`: the functions that a key opens, as models."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http.openai.openai_errors import openai_error
from modelwright.gateway.http.responses import json_response


class Listing:
    """The one function of a gateway, as a list of models."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._since = int(time.time())

    async def models(self, _: Request) -> Response:
        """Return the list; empty as long as no version answers."""
        models = [self._model()] if self._gateway.current is not None else []
        return json_response({"object": "list", "data": models})

    async def model(self, request: Request) -> Response:
        """Return one model."""
        name = request.path_params["model"]
        if name != self._gateway.function or self._gateway.current is None:
            raise RequestError(Problem("request.no-such-model", model=name[:60]), 404)
        return json_response(self._model())

    def _model(self) -> dict[str, object]:
        return {
            "id": self._gateway.function,
            "object": "model",
            "created": self._since,
            "owned_by": "modelwright",
        }


def refused(error: RequestError, headers: dict[str, str]) -> Response:
    """Return a refusal in the protocol's form."""
    status, body = openai_error(error.problems[0], error.status)
    return Response(body, status, headers, media_type="application/json")
