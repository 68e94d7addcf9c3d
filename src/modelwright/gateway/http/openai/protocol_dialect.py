"""What every path of the protocol that asks a function has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import Receive

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http.dialect import json_of
from modelwright.gateway.http.openai.asking import object_of, require_model
from modelwright.gateway.http.openai.fitting import Fitting, fitting
from modelwright.gateway.http.openai.openai_errors import openai_error
from modelwright.gateway.traffic.served import Served
from modelwright.gateway.traffic.service_errors import not_ready


class ProtocolDialect:
    """Names the function by the body's `model`, and says errors in the protocol's form."""

    version: int | None = None

    def __init__(self, function: str) -> None:
        self._function = function

    async def read_request(
        self,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        served: Served | None,
        limits: LimitsConfig,
        path: str,
    ) -> tuple[Served, dict[str, Any], Fitting]:
        """Return who answers, the body of a request, and how the function is asked by a path; raises RequestError."""
        if served is None:
            raise not_ready()
        body = object_of(await json_of(headers, receive, served, limits))
        require_model(body, self._function)
        signature = served.signature
        found = fitting(signature, path, streams=served.worker.streams, takes_tokens=served.takes_tokens)
        if found is None:
            problem = Problem(
                "request.not-asked-so", path=path, function=signature.name, signature=str(signature)
            )
            raise RequestError(problem, 404)
        return served, body, found

    def error(self, problem: Problem, status: int) -> tuple[int, bytes]:
        """Return an error in the protocol's form."""
        return openai_error(problem, status)
