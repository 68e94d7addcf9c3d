"""`POST /v1/embeddings`, of a function that makes a vector of a text.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.types import Receive, Send

from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import exchange
from modelwright.gateway.http.dialect import Given, Headers, PartSender
from modelwright.gateway.http.openai.asking import HARMLESS, ignored_header, whole, wrong
from modelwright.gateway.http.openai.fitting import EMBEDDINGS
from modelwright.gateway.http.openai.protocol_dialect import ProtocolDialect
from modelwright.gateway.limits import require_items
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.runtime.worker.values import COUNT_TOKENS, PROMPT_TOKENS

_KEYS = {"model", "input", "encoding_format", "dimensions"}


@dataclass(frozen=True)
class _Wanted:
    form: str
    dimensions: int | None
    ignored: tuple[str, ...]


class EmbeddingsDialect(ProtocolDialect):
    """Texts, and the vector of each; its usage, where the function reads texts as tokens."""

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return the rows that a request asks for; raises RequestError."""
        _, body, found = await self.read_request(headers, receive, served, limits, EMBEDDINGS)
        others = [key for key, value in body.items() if key not in _KEYS and value is not None]
        for key in others:
            if key not in HARMLESS:
                raise RequestError(Problem("request.unsupported", name=key[:60], is_known=False), 400)
        given = body.get("input")
        texts = given if isinstance(given, list) else [given]
        if not texts or not all(isinstance(one, str) for one in texts):
            raise wrong("input", "a text, a list of texts")
        require_items(len(texts), limits.rows)
        form = "float" if body.get("encoding_format") is None else body["encoding_format"]
        if form not in ("float", "base64"):  # it may be anything, a list among others
            raise wrong("encoding_format", "float, base64")
        rows = [{found.input.name: one} for one in texts]
        wanted = _Wanted(form, whole(body, "dimensions", 1, 2**31), tuple(others))
        return Given(rows, wanted=wanted, options={COUNT_TOKENS: True})

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the vectors, as numbers or as the base64 of 32 bit floats."""
        wanted = given.wanted
        assert isinstance(wanted, _Wanted)
        vectors: list[Any] = [next(iter(one["outputs"].values()))["value"] for one in answers]
        for length in {len(one) for one in vectors if one is not None}:
            if wanted.dimensions not in (None, length):  # no shorter ones are in it
                raise wrong("dimensions", str(length))
        data = [
            {"object": "embedding", "index": place, "embedding": self._shown(vector, wanted.form)}
            for place, vector in enumerate(vectors)
        ]
        details: list[Any] = [next(iter(one["outputs"].values())).get("details") or {} for one in answers]
        counts = [one[PROMPT_TOKENS] for one in details if PROMPT_TOKENS in one]
        # clients look for it in any case, and one that counts words reads no tokens
        read = sum(counts) if len(counts) == len(answers) else 0
        usage = {"prompt_tokens": read, "total_tokens": read}
        found = {"object": "list", "data": data, "model": self._function, "usage": usage}
        return exchange.dumped(found), ignored_header(wanted.ignored)

    def sender(self, send: Send, served: Served, given: Given, *headers: tuple[bytes, bytes]) -> PartSender:
        """Never called: vectors do not come in parts."""
        raise NotImplementedError

    @staticmethod
    def _shown(vector: Any, form: str) -> object:
        if form == "float" or vector is None:
            return vector
        return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
