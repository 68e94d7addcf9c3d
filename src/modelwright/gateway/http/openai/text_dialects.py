"""`POST /v1/chat/completions` and `POST /v1/completions`.

https://platform.openai.com/docs/api-reference/chat and …/completions.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.types import Receive, Send

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import exchange
from modelwright.gateway.http.dialect import STREAM, Given, Headers, PartSender
from modelwright.gateway.http.events import EventStream
from modelwright.gateway.http.openai import choice_texts
from modelwright.gateway.http.openai.asking import (
    MOST_CHOICES,
    Asking,
    asking,
    flag,
    whole,
    without_effect,
    wrong,
)
from modelwright.gateway.http.openai.choice_texts import BESIDE, ChoiceText, TextOffsets
from modelwright.gateway.http.openai.fitting import CHAT, COMPLETIONS, Fitting
from modelwright.gateway.http.openai.offering import KEYS, Offer, offer
from modelwright.gateway.http.openai.protocol_dialect import ProtocolDialect
from modelwright.gateway.traffic.served import AnswerJson, Served
from modelwright.kinds.turns import SYNONYMS, SYSTEM, USER, text_of_parts
from modelwright.runtime.worker.values import PROMPT_IDS, PROMPT_LOGPROBS

MOST_PROMPTS = 128
MOST_TOPS = 20
ECHO, BEST_OF = "echo", "best_of"
_TURN_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
# What turns bring, mostly those that a server has answered before, and the prompt has no place for.
_PASSED_OVER = frozenset(
    {
        *("name", "id", "metadata", "annotations", "refusal", "cache_control", "provider_specific_fields"),
        *("reasoning", "reasoning_content", "reasoning_details", "thinking_blocks", "phase", *BESIDE),
        "parsed",  # the content once more, as the official client reads it
    }
)


@dataclass(frozen=True)
class Beside:
    """What completions alone may ask for. candidates: answers written to each prompt, of which the best are choices.

    has_echo: whether the prompt stands before its answer.
    """

    candidates: int
    has_echo: bool = False


@dataclass(frozen=True)
class _Wanted:
    asking: Asking
    has_logprobs: bool
    candidates: int
    # the prompt of each row, where it stands before the answer; None: tokens, whose text the worker tells
    echoes: Sequence[str | None] | None = None

    def text_of(self, place: int, answer: AnswerJson) -> ChoiceText:
        """Return what was written so far to the row at a place."""
        found = ChoiceText.of(answer)
        return found if self.echoes is None else found.echoed(self.echoes[place])


class WritingDialect(ProtocolDialect, ABC):
    """What chat and completions have in common."""

    path: ClassVar[str]
    own: ClassVar[frozenset[str]]  # keys of this path alone
    whole: ClassVar[str]  # what an answer is called
    part: ClassVar[str]  # what a part of one is called

    async def given(
        self, headers: Mapping[bytes, bytes], receive: Receive, served: Served | None, limits: LimitsConfig
    ) -> Given:
        """Return the rows that a request asks for; raises RequestError."""
        served, body, found = await self.read_request(headers, receive, served, limits, self.path)
        asking_for = asking(body, self.own)
        offered = self.offered(body, found, served)
        ids = self.token_prompts(body, served)
        prompts = self.prompts(body, found, offered) if ids is None else [_of_tokens(found)] * len(ids)
        beside, likely = self.beside(body, asking_for, served), self.likely(body)
        repeated = [one for one in prompts for _ in range(beside.candidates)]
        rows = [{found.input.name: one} for one in repeated]
        more: dict[str, JsonLike] = {} if likely is None else {"logprobs": likely}
        if beside.has_echo and (likely is not None or ids is not None):
            more[PROMPT_LOGPROBS] = likely or 0
        if beside.candidates > asking_for.choices:
            more.setdefault("logprobs", 0)  # by which the best are told
        options = {**asking_for.seeded(len(rows)), **more, **offered.options}
        asking_for = without_effect(asking_for, body, options, served.options, self.passed_over(body))
        options = {name: one for name, one in options.items() if name in served.options}
        if ids is not None:
            options[PROMPT_IDS] = [one for one in ids for _ in range(beside.candidates)]
        echoes = [None if ids is not None else str(one) for one in repeated] if beside.has_echo else None
        wanted = _Wanted(asking_for, likely is not None, beside.candidates, echoes)
        # a single answer has the id of the request, by which feedback names it
        value = rows if len(rows) > 1 else rows[0]
        return Given(value, wanted=wanted, options=options, in_parts=asking_for.in_parts)

    def body(self, served: Served, answers: Sequence[AnswerJson], given: Given) -> tuple[bytes, Headers]:
        """Return the answers as choices."""
        wanted = given.wanted
        assert isinstance(wanted, _Wanted)
        found = [ChoiceText.of(one) for one in answers]
        best = choice_texts.best(found, wanted.candidates, wanted.asking.choices)
        texts = [wanted.text_of(place, answers[place]) for place in best]
        choices = [
            {
                "index": index,
                **self.choice(one),
                "logprobs": self.logprobs(one.tokens, TextOffsets()) if wanted.has_logprobs else None,
                "finish_reason": one.finish or "stop",
            }
            for index, one in enumerate(texts)
        ]
        whole_answer = {
            # the rows of a list have their places behind the id of the request
            **self.head(served, answers[0]["id"].removesuffix(".0" if len(answers) > 1 else ""), self.whole),
            "choices": choices,
            "usage": choice_texts.usage(found, wanted.candidates),
        }
        return exchange.dumped(whole_answer), wanted.asking.headers

    def sender(self, send: Send, served: Served, given: Given, *headers: tuple[bytes, bytes]) -> PartSender:
        """Return what sends an answer as chunks."""
        wanted = given.wanted
        assert isinstance(wanted, _Wanted)
        (_, own_id) = headers[0]
        head = self.head(served, own_id.decode(), self.part)
        return _Chunks(self, EventStream(send, *headers, *wanted.asking.headers), head, wanted)

    def head(self, served: Served, own_id: str, what: str) -> dict[str, Any]:
        """Return what every answer and every part says first."""
        return {
            "id": own_id,
            "object": what,
            "created": int(time.time()),
            "model": self._function,
            "system_fingerprint": f"version-{served.version}",
        }

    def token_prompts(self, body: Mapping[str, Any], served: Served) -> Sequence[list[JsonLike]] | None:
        """Return the tokens of each prompt, None where prompts are given otherwise; raises RequestError."""
        return None

    @abstractmethod
    def prompts(self, body: Mapping[str, Any], found: Fitting, offered: Offer) -> Sequence[object]:
        """Return what the input is given, one for each prompt; raises RequestError."""

    def passed_over(self, body: Mapping[str, Any]) -> Sequence[str]:
        """Return what the prompts bring that has no effect, by name."""
        return ()

    @abstractmethod
    def offered(self, body: Mapping[str, Any], found: Fitting, served: Served) -> Offer:
        """Return the tools that may be called; raises RequestError."""

    @abstractmethod
    def likely(self, body: Mapping[str, Any]) -> int | None:
        """Return how many likely tokens are wanted beside each; None: no log-probabilities."""

    def beside(self, body: Mapping[str, Any], asking_for: Asking, served: Served) -> Beside:
        """Return what else is asked; raises RequestError."""
        return Beside(asking_for.choices)

    @abstractmethod
    def choice(self, written: ChoiceText) -> dict[str, Any]:
        """Return a whole text in its place in a choice, and what stands beside it."""

    @abstractmethod
    def piece(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a further piece of a text in its place in a choice."""

    @abstractmethod
    def call_pieces(self, now: ChoiceText, before: ChoiceText) -> Iterator[dict[str, Any]]:
        """Yield what is new of the calls of tools in its place in a choice."""

    @abstractmethod
    def ended(self, written: ChoiceText) -> dict[str, Any]:
        """Return what stands beside a text in the place of its last piece, which is empty."""

    @abstractmethod
    def logprobs(self, tokens: Sequence[Mapping[str, Any]], offsets: TextOffsets) -> dict[str, Any]:
        """Return the log-probabilities of the next tokens of a text."""


class _Chunks:
    """Sends what is new of each choice."""

    def __init__(
        self, dialect: WritingDialect, stream: EventStream, head: dict[str, Any], wanted: _Wanted
    ) -> None:
        self._dialect = dialect
        self._stream = stream
        self._head = head | ({"usage": None} if wanted.asking.has_usage else {})
        self._wanted = wanted
        self._sent: dict[int, ChoiceText] = {}
        self._ended: set[int] = set()
        self._offsets: defaultdict[int, TextOffsets] = defaultdict(TextOffsets)

    @property
    def begun(self) -> bool:
        return self._stream.begun

    async def part(self, place: int, answer: AnswerJson) -> None:
        now, before = self._wanted.text_of(place, answer), self._sent.get(place)
        if before is None:
            await self._choice(place, self._dialect.piece("", is_first=True), [], None)
            before = ChoiceText("", {}, now.own_id)
        # what was shown of a text stays: a driver holds back what may yet change
        text, tokens = now.text[len(before.text) :], now.tokens[len(before.tokens) :]
        self._sent[place] = now
        if text or tokens:
            piece = self._dialect.piece(text, is_first=False)
            await self._choice(place, piece, tokens, None)
        for called in self._dialect.call_pieces(now, before):
            await self._choice(place, called, [], None)
        if now.finish is not None and place not in self._ended:
            self._ended.add(place)
            await self._choice(place, self._dialect.ended(now), [], now.finish)

    async def end(self, answers: Sequence[AnswerJson], body: bytes) -> None:
        for place, answer in enumerate(answers):
            await self.part(place, answer)
            if place not in self._ended:
                await self._choice(place, self._dialect.ended(self._sent[place]), [], "stop")
        if self._wanted.asking.has_usage:
            found = [ChoiceText.of(one) for one in answers]
            counts = choice_texts.usage(found, self._wanted.candidates)
            await self._send({**self._head, "choices": [], "usage": counts})
        await self._stream.send(b"", b"[DONE]", last=True)

    async def error(self, body: bytes) -> None:
        await self._stream.send(b"", body, last=True)

    async def _choice(
        self,
        place: int,
        piece: dict[str, Any],
        tokens: Sequence[Mapping[str, Any]],
        finish: str | None,
    ) -> None:
        has_news = bool(tokens) and self._wanted.has_logprobs
        logprobs = self._dialect.logprobs(tokens, self._offsets[place]) if has_news else None
        choice = {"index": place, **piece, "logprobs": logprobs, "finish_reason": finish}
        await self._send({**self._head, "choices": [choice]})

    async def _send(self, chunk: dict[str, Any]) -> None:
        await self._stream.send(b"", exchange.dumped(chunk))


class ChatDialect(WritingDialect):
    """Turns, and the turn that follows."""

    path = CHAT
    own = frozenset({"messages", "logprobs", "top_logprobs", *KEYS})
    whole, part = "chat.completion", "chat.completion.chunk"

    def prompts(self, body: Mapping[str, Any], found: Fitting, offered: Offer) -> Sequence[object]:
        """Return the turns; a function of one text takes a single turn of a user."""
        turns = body.get("messages")
        if not isinstance(turns, list) or not turns or not all(isinstance(one, dict) for one in turns):
            raise wrong("messages", "a list of turns")
        turns = [_with_refusal(one) for one in turns]
        for place, turn in enumerate(turns):
            for key, value in turn.items():
                if key not in _TURN_KEYS and key not in _PASSED_OVER and value:
                    name = f"messages.{place}.{key}"[:60]
                    raise RequestError(Problem("request.unsupported", name=name, is_known=False), 400)
        if found.is_dialogue:
            return [[*offered.turns, *turns]]
        turns = [one for one in turns if not _is_silent_system(one)] or turns
        if len(turns) != 1 or turns[0].get("role") != "user":
            raise RequestError(Problem("request.one-turn", field="messages", count=len(turns)), 400)
        content = turns[0].get("content")
        if isinstance(content, list):
            content = text_of_parts(content)
            if content is None:
                raise wrong("messages.0.content", "text")
        return [content]

    def passed_over(self, body: Mapping[str, Any]) -> Sequence[str]:
        """Return the keys of turns that have no effect."""
        given = {key for turn in body["messages"] for key in turn if turn[key]}
        return [f"messages.{key}" for key in sorted(given & _PASSED_OVER)]

    def offered(self, body: Mapping[str, Any], found: Fitting, served: Served) -> Offer:
        """Return `tools`, and what is asked of them."""
        return offer(body, served.options, is_dialogue=found.is_dialogue)

    def likely(self, body: Mapping[str, Any]) -> int | None:
        """Return `top_logprobs`, where `logprobs` is true."""
        tops = whole(body, "top_logprobs", 0, MOST_TOPS)
        if flag(body, "logprobs"):
            return tops or 0
        if tops:
            raise wrong("top_logprobs", "null, without logprobs")
        return None

    def choice(self, written: ChoiceText) -> dict[str, Any]:
        """Return a message."""
        calls = [written.call(place) for place in range(len(written.calls))]
        message = {"role": "assistant", "content": written.text, "refusal": None, **written.beside}
        if calls:
            message |= {"content": written.text or None, "tool_calls": calls}
        return {"message": message}

    def piece(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a delta."""
        if is_first:
            return {"delta": {"role": "assistant", "content": ""}}
        return {"delta": {"content": text} if text else {}}

    def call_pieces(self, now: ChoiceText, before: ChoiceText) -> Iterator[dict[str, Any]]:
        """Yield deltas: of a call that begins all that is known, of one under way more of its arguments."""
        for place in range(max(len(before.calls) - 1, 0), len(now.calls)):
            call = {"index": place, **now.call(place)}
            if place < len(before.calls):
                more = call["function"]["arguments"][len(before.calls[place]["arguments"]) :]
                if not more:
                    continue
                call = {"index": place, "function": {"arguments": more}}
            yield {"delta": {"tool_calls": [call]}}

    def ended(self, written: ChoiceText) -> dict[str, Any]:
        """Return a delta."""
        return {"delta": dict(written.beside)}

    def logprobs(self, tokens: Sequence[Mapping[str, Any]], offsets: TextOffsets) -> dict[str, Any]:
        """Return them as chat has them."""
        return choice_texts.chat_logprobs(tokens)


class CompletionsDialect(WritingDialect):
    """A prompt, or a list of them, and the text that answers it."""

    path = COMPLETIONS
    own = frozenset({"prompt", "logprobs", ECHO, BEST_OF})
    whole = part = "text_completion"

    def prompts(self, body: Mapping[str, Any], found: Fitting, offered: Offer) -> Sequence[object]:
        """Return the prompts; a function of a dialogue has those of tokens alone."""
        given = body.get("prompt")
        prompts = given if isinstance(given, list) else [given]
        if not prompts or len(prompts) > MOST_PROMPTS or not all(isinstance(one, str) for one in prompts):
            raise wrong("prompt", f"a text, tokens, 1 … {MOST_PROMPTS} texts or lists of tokens")
        if found.is_dialogue:
            raise RequestError(Problem("request.tokens-alone", name="prompt", function=self._function), 400)
        return prompts

    def token_prompts(self, body: Mapping[str, Any], served: Served) -> Sequence[list[JsonLike]] | None:
        """Return lists of tokens, or the one that is the prompt."""
        given = body.get("prompt")
        if not isinstance(given, list) or not served.takes_tokens:
            return None
        lists = [given] if all(type(one) is int for one in given) else given
        is_lists = all(isinstance(one, list) and one and all(type(i) is int for i in one) for one in lists)
        return lists if lists and given and len(lists) <= MOST_PROMPTS and is_lists else None

    def offered(self, body: Mapping[str, Any], found: Fitting, served: Served) -> Offer:
        """Return none."""
        return Offer()

    def likely(self, body: Mapping[str, Any]) -> int | None:
        """Return `logprobs`."""
        if body.get("logprobs") is False:
            return None
        return whole(body, "logprobs", 0, MOST_TOPS)

    def beside(self, body: Mapping[str, Any], asking_for: Asking, served: Served) -> Beside:
        """Return `echo` and `best_of`."""
        candidates = whole(body, BEST_OF, asking_for.choices, MOST_CHOICES) or asking_for.choices
        if candidates > asking_for.choices:
            if asking_for.in_parts:  # which is best is known in the end
                raise RequestError(Problem("request.option", name=BEST_OF, beside=STREAM), 400)
            if "logprobs" not in served.options:
                raise RequestError(Problem("request.unsupported", name=BEST_OF, is_known=True), 400)
        return Beside(candidates, flag(body, ECHO))

    def choice(self, written: ChoiceText) -> dict[str, Any]:
        """Return a text."""
        return {"text": written.text, **written.beside}

    def piece(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a text."""
        return {"text": text}

    def call_pieces(self, now: ChoiceText, before: ChoiceText) -> Iterator[dict[str, Any]]:
        """Yield none."""
        yield from ()

    def ended(self, written: ChoiceText) -> dict[str, Any]:
        """Return no more text."""
        return {"text": "", **written.beside}

    def logprobs(self, tokens: Sequence[Mapping[str, Any]], offsets: TextOffsets) -> dict[str, Any]:
        """Return them as completions have them."""
        return choice_texts.text_logprobs(tokens, offsets)


def _with_refusal(turn: dict[str, Any]) -> dict[str, Any]:
    """Return a turn whose text is what it refused with, where it has no other."""
    refusal = turn.get("refusal")
    return {**turn, "content": refusal} if refusal and turn.get("content") is None else turn


def _is_silent_system(turn: Mapping[str, Any]) -> bool:
    """Tell whether a turn of the system says nothing."""
    content = turn.get("content")
    text = text_of_parts(content) if isinstance(content, list) else content
    is_system = isinstance(turn.get("role"), str) and SYNONYMS.get(turn["role"]) == SYSTEM
    return is_system and isinstance(text, str) and not text.strip()


def _of_tokens(found: Fitting) -> object:
    """Return what stands in a row's place for tokens, which the worker reads instead."""
    return [{"role": USER, "content": "tokens"}] if found.is_dialogue else "tokens"
