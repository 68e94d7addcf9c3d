"""The gateway's paths as one ASGI application.

POST /{function}             predictions
POST /feedback               the truth about answers, see `feedback`
GET  /                       to /docs
GET  /healthz, /v2/health/live   whether this process answers at all
GET  /v2/health/ready        whether a prediction would be answered now
GET  /metrics                Prometheus
     /v1/…                   the OpenAI protocol, see `openai`
     /v2/…                   the Open Inference Protocol, see `inference`
     /admin/…                versions and releases, see `admin`
GET  /openapi.json, /docs    from the signature
"""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.gateway import Gateway
from modelwright.gateway.http import exchange
from modelwright.gateway.http.admin import Admin
from modelwright.gateway.http.admission import Admission
from modelwright.gateway.http.dialect import Dialect
from modelwright.gateway.http.feedback import Feedback
from modelwright.gateway.http.openai import listing
from modelwright.gateway.http.openai.embeddings import EmbeddingsDialect
from modelwright.gateway.http.openai.fitting import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    MODELS,
    OF_PROTOCOL,
    PATHS,
    fitting,
)
from modelwright.gateway.http.openai.openai_errors import openai_error
from modelwright.gateway.http.openai.text_dialects import ChatDialect, CompletionsDialect
from modelwright.gateway.http.pages import docs_page
from modelwright.gateway.http.pages.openapi import openapi
from modelwright.gateway.http.predictions import Predictions
from modelwright.gateway.http.responses import error_response, json_response, unknown_path
from modelwright.gateway.http.v2 import inference
from modelwright.gateway.http.v2.inference import Models, TensorDialect
from modelwright.gateway.keys import KeyRole
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic.service_errors import not_ready

Background = Callable[[], Awaitable[None]]


class Application:
    """Sends predictions the short way, and everything else through Starlette's routes."""

    def __init__(
        self,
        gateway: Gateway,
        predictions: Predictions,
        telemetry: Telemetry,
        admission: Admission,
        feedback: Feedback,
        admin: Admin,
        background: Sequence[Background] = (),
    ) -> None:
        """Serve `gateway`; each of `background` runs from the start of the server to its end."""
        self.gateway = gateway
        self._function = gateway.function
        self._path = f"/{gateway.function}"
        self._predictions = predictions
        self._admission = admission
        self._openai: Mapping[str, Dialect] = {
            CHAT: ChatDialect(gateway.function),
            COMPLETIONS: CompletionsDialect(gateway.function),
            EMBEDDINGS: EmbeddingsDialect(gateway.function),
        }
        self.other = _routes(gateway, telemetry, admission, feedback, admin, (gateway.run, *background))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange."""
        if scope["type"] == "http" and self._is_function(scope["path"]):
            await self._predictions(scope, receive, send)
        elif (
            scope["type"] == "http"
            and scope["path"].endswith("/infer")
            and (dialect := TensorDialect.of(self._function, scope["path"])) is not None
        ):
            await self._predictions(scope, receive, send, dialect)
        elif scope["type"] == "http" and (spoken := self._openai.get(scope["path"])) is not None:
            await self._predictions(scope, receive, send, spoken)
        else:
            await self.other(scope, receive, send)

    def lets_in(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request brings a key of a caller, which is not counted."""
        try:
            self._admission.admitted(headers, KeyRole.CALLER, counts=False)
        except RequestError:
            return False
        return True

    def _is_function(self, path: str) -> bool:
        return path == self._path or (
            not path.isascii() and unicodedata.normalize("NFC", path) == self._path  # clients may send NFD
        )


def _routes(
    gateway: Gateway,
    telemetry: Telemetry,
    admission: Admission,
    feedback: Feedback,
    admin: Admin,
    background: Sequence[Background],
) -> Starlette:
    async def live(_: Request) -> Response:
        return json_response({"live": True})

    async def root(_: Request) -> Response:
        return RedirectResponse("docs", 307)  # relative, for a proxy may have put a path before it

    async def ready(_: Request) -> Response:
        return json_response({"ready": gateway.ready}, 200 if gateway.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def description(_: Request) -> Response:
        served = gateway.current
        if served is None:
            return _not_ready()
        spoken = [
            p
            for p in PATHS
            if fitting(served.signature, p, streams=served.worker.streams, takes_tokens=served.takes_tokens)
            is not None
        ]
        limits, settled = gateway.config.limits, served.rows.settled
        return json_response(
            openapi(served.signature, served.version, limits.text, settled, spoken, served.options)
        )

    async def docs(_: Request) -> Response:
        served = gateway.current
        if served is None:
            return _not_ready()
        config = gateway.config
        page, policy = docs_page.docs(
            served.signature,
            served.version,
            served.worker.form,
            key=config.keys.predict if admission.needs_keys else None,
            private=frozenset(config.record.private),
        )
        return Response(page, media_type="text/html", headers={"content-security-policy": policy})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(work()) for work in background]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await gateway.stop()

    is_open = gateway.config.keys.docs == "open"
    readers = admission.open if is_open else admission.by(KeyRole.CALLER, KeyRole.VIEWER)
    listed, list_for = (
        listing.Listing(gateway),
        admission.by(KeyRole.CALLER, KeyRole.VIEWER, form=listing.refused),
    )
    asking = admission.by(KeyRole.CALLER, KeyRole.VIEWER, form=inference.refused)
    models = Models(gateway)
    application = Starlette(
        routes=[
            Route("/", root),
            Route("/healthz", live),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            Route("/metrics", admission.by(KeyRole.VIEWER)(metrics)),
            Route("/openapi.json", readers(description)),
            Route("/docs", readers(docs)),
            Route("/v2", asking(models.server)),
            *(
                Route(f"/v2/models/{{model}}{version}{path}", asking(endpoint))
                for version in ("", "/versions/{version}")
                for path, endpoint in (("", models.description), ("/ready", models.ready))
            ),
            Route("/v2/repository/index", asking(models.index), methods=["POST"]),
            *(
                Route(
                    f"/v2/repository/models/{{model}}/{verb}",
                    admission.by(form=inference.refused)(models.move),
                    methods=["POST"],
                )
                for verb in ("load", "unload")
            ),
            Route(MODELS, list_for(listed.models)),
            Route(f"{MODELS}/{{model}}", list_for(listed.model)),
            Route("/feedback", admission.by(KeyRole.FEEDBACK)(feedback.report), methods=["POST"]),
            *admin.routes(),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refuse, Exception: _fault},  # type: ignore[dict-item]
    )
    application.router.redirect_slashes = False
    return application


async def _refuse(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        methods = (error.headers or {}).get("Allow", "GET").split(", ")
        allowed = ", ".join(sorted({*methods} - {"HEAD"}))
        problem = Problem("request.wrong-method", method=request.method[:20], allowed=allowed)
    else:
        problem = unknown_path(request.scope["path"])
    status, body = error_for(request.scope["path"], problem, error.status_code)
    return Response(body, status, dict(error.headers or {}), media_type="application/json")


async def _fault(request: Request, _: Exception) -> Response:
    """Answer where we are at fault; the error goes on into the log, and ends the connection."""
    status, body = error_for(request.scope["path"], Problem("serve.fault"), 500)
    return Response(body, status, {"connection": "close"}, media_type="application/json")


def error_for(path: str, problem: Problem, status: int) -> tuple[int, bytes]:
    """Return the status and the body of an error, as the protocol has it that a path is of."""
    if path.startswith(OF_PROTOCOL):
        return openai_error(problem, status)
    if path == "/v2" or path.startswith("/v2/"):
        return inference.v2_error(problem, status)
    return status, exchange.error_body(problem)


def _not_ready() -> Response:
    error = not_ready()
    return error_response(error.problem, error.status, error.headers)
