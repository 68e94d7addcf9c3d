"""The page on which a person judges, for a browser on this machine. It loads nothing, and holds no version's name.

The address holds a token that only this process and the terminal know; each verdict is a form that sends it back. A
page of another site knows neither it nor the row that is shown, and is refused by its origin and its host, too.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from modelwright.core.messages import Phrase, Problem, RequestError, catalog, visible
from modelwright.gateway.address import listen, url_of
from modelwright.gateway.config import ServeConfig
from modelwright.gateway.http.browsers import LocalHosts, require_own_page
from modelwright.outcomes.text_words import marked
from modelwright.project.judging.blind_comparison import CHOICES, BlindComparison, Shown

FINISH = "finish"
MOST_BYTES = 4096  # of a verdict
_HOST = "127.0.0.1"
_PAGE = "judge_page.html.j2"


def serve(comparison: BlindComparison, ready: Callable[[str], None]) -> None:
    """Show pairs on a page until there are none left, the judge finishes, or Ctrl-C; ready: called with its address.

    Raises MachineError where no address can be listened on.
    """
    page = _Page(comparison)
    listening = listen(ServeConfig(host=_HOST, port=0), has_keys=False)
    server = uvicorn.Server(
        uvicorn.Config(
            page.application,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    page.stop = lambda: setattr(server, "should_exit", True)
    ready(f"{url_of(listening)}/?token={page.token}")
    try:
        with suppress(KeyboardInterrupt):  # the way to leave from the terminal
            server.run([listening])
    finally:
        listening.close()


class _Page:
    """Answers the browser. A pair is shown until its verdict is kept, in however many tabs."""

    def __init__(self, comparison: BlindComparison) -> None:
        self.token = secrets.token_urlsafe(24)
        self.stop: Callable[[], None] = lambda: None
        self.application = Starlette(
            routes=[
                Route("/", self._guarded(self._show), methods=["GET"]),
                Route("/", self._guarded(self._take), methods=["POST"]),
            ]
        )
        self._comparison = comparison
        self._lock = threading.Lock()
        self._shown: Shown | None = None
        self._hosts = LocalHosts(())
        loader = FileSystemLoader(Path(__file__).parent)
        self._template = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
        ).get_template(_PAGE)

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a request of this machine's own page, and refuses all others."""

        async def guarded(request: Request) -> Response:
            headers = dict(request.headers.raw)
            try:
                self._hosts.require(headers)
                require_own_page(headers)
                return await answer(request)
            except RequestError as error:
                return PlainTextResponse(str(error.problems[0]), error.status)

        return guarded

    async def _show(self, request: Request) -> Response:
        self._require_token(request.query_params.get("token", ""))
        shown = await run_in_threadpool(self._current)
        if shown is None:
            self.stop()
        return self._page(shown)

    async def _take(self, request: Request) -> Response:
        content = b""
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                raise RequestError(Problem("judge.bad-form"), 413)
        form = {name: values[0] for name, values in parse_qs(content.decode("latin-1")).items()}
        self._require_token(form.get("token", ""))
        choice = form.get("choice", "")
        if choice == FINISH:
            self.stop()
            return self._page(None)
        if choice not in CHOICES:
            raise RequestError(Problem("judge.bad-form"), 400)
        await run_in_threadpool(partial(self._keep, form.get("row", ""), choice))
        return RedirectResponse(f"/?token={self.token}", 303, _headers())

    def _require_token(self, given: str) -> None:
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            raise RequestError(Problem("judge.no-token"), 403)

    def _current(self) -> Shown | None:
        with self._lock:
            self._shown = self._shown or self._comparison.upcoming()
            return self._shown

    def _keep(self, row: str, choice: str) -> None:
        """Keep a verdict on the pair that is shown; one on another row was sent twice, and is kept already."""
        with self._lock:
            if self._shown is not None and self._shown.pair.row == row:
                self._comparison.take(self._shown, choice)
                self._shown = None

    def _page(self, shown: Shown | None) -> Response:
        nonce = secrets.token_urlsafe(16)
        left, right = ((), ()) if shown is None else marked(visible(shown.left), visible(shown.right))
        page = self._template.render(
            language=catalog.language(),
            nonce=nonce,
            token=self.token,
            row="" if shown is None else shown.pair.row,
            title=str(Phrase("judge.page-done"))
            if shown is None
            else str(Phrase("judge.row", number=shown.number, of=shown.of)),
            inputs=[] if shown is None else [(n, visible(text)) for n, text in shown.pair.inputs.items()],
            sides=[]
            if shown is None
            else [(str(Phrase("judge.left")), left), (str(Phrase("judge.right")), right)],
            buttons=[
                ("left", "l", str(Phrase("judge.left-better"))),
                ("tie", "t", str(Phrase("judge.tie"))),
                ("right", "r", str(Phrase("judge.right-better"))),
                ("skip", "s", str(Phrase("judge.skip"))),
                (FINISH, "q", str(Phrase("judge.finish"))),
            ],
            note=str(Phrase("judge.page-note")),
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(page, headers={**_headers(), "content-security-policy": policy})


def _headers() -> dict[str, str]:
    """Return what keeps the address with its token, and the texts, out of caches and other sites' logs."""
    return {
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
