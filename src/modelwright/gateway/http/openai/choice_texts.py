"""Answers of a function that writes, as the protocol has them: choices, log-probabilities, usage."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelwright.gateway.traffic.served import AnswerJson
from modelwright.runtime.worker.values import PROMPT_LOGPROBS

_FINISHES = {"time": "length"}  # the protocol knows no other word for an answer that had no more time
# The protocol has a place for pages with an address alone (`url_citation`). Clients keep what they do not know.
BESIDE = ("act", "sources")


@dataclass(frozen=True)
class ChoiceText:
    """An answer so far: its text, what the driver says of it, and how it ended (None: not yet, or not known)."""

    text: str
    details: Mapping[str, Any]
    own_id: str = ""

    @classmethod
    def of(cls, answer: AnswerJson) -> ChoiceText:
        """Return what a function with one output has written."""
        (output,) = answer["outputs"].values()
        value, details = output["value"], output.get("details")
        known = details if isinstance(details, dict) else {}
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        # of an object that is being written, or was cut, only the text is known
        return cls(str(known.get("text", text)), known, str(answer["id"]))

    def echoed(self, prompt: str | None) -> ChoiceText:
        """Return it behind the text that was asked, whose tokens are known where the driver tells of them.

        prompt: None where tokens were asked, which are told of in any case.
        """
        before, own = self.details.get(PROMPT_LOGPROBS) or (), self.tokens
        words = TextOffsets()
        for one in before:
            words.take(one)
        prompt = words.text if prompt is None else prompt
        # what stands around a prompt may have been stripped of it before it was read
        begin = prompt.find(words.text) if words.text else 0
        begins = {0: max(begin, 0), len(before): len(prompt)}
        tokens = [
            {**one, "begin": begins[place]} if place in begins else one
            for place, one in enumerate([*before, *own])
        ]
        return replace(self, text=prompt + self.text, details={**self.details, "logprobs": tokens})

    @property
    def mean_logprob(self) -> float:
        """Return the mean log-probability of its tokens, 0 where it has none."""
        known = [float(one["logprob"]) for one in self.tokens]
        return sum(known) / len(known) if known else 0.0

    @property
    def finish(self) -> str | None:
        """Return the protocol's word for how it ended."""
        found = self.details.get("finish")
        if found == "stop" and self.calls:
            return "tool_calls"
        return _FINISHES.get(found, found) if isinstance(found, str) else None

    @property
    def beside(self) -> Mapping[str, Any]:
        """Return what stands beside the text under names of our own: what was done, and what the answer rests on."""
        return {name: self.details[name] for name in BESIDE if name in self.details}

    @property
    def calls(self) -> Sequence[Mapping[str, Any]]:
        """Return the calls of tools, the arguments of the last as far as they are written."""
        return self.details.get("calls") or ()

    def call(self, place: int) -> dict[str, Any]:
        """Return a call as the protocol has it."""
        call = self.calls[place]
        digest = hashlib.sha256(f"{self.own_id} {place}".encode()).hexdigest()[:24]
        return {
            "id": f"call_{digest}",
            "type": "function",
            "function": {"name": call["name"], "arguments": call["arguments"]},
        }

    @property
    def tokens(self) -> Sequence[Mapping[str, Any]]:
        """Return what is known of each token."""
        return self.details.get("logprobs") or ()


def best(answers: Sequence[ChoiceText], candidates: int, choices: int) -> list[int]:
    """Return the places of so many answers of the candidates to each prompt: those whose tokens are likeliest.

    By the mean log-probability of a token, as the protocol has it; of equal ones the earlier, and in the order of the
    places where all are wanted.
    """
    if candidates == choices:
        return [*range(len(answers))]
    found: list[int] = []
    for begin in range(0, len(answers), candidates):
        places = range(begin, min(begin + candidates, len(answers)))
        found += sorted(places, key=lambda place: -answers[place].mean_logprob)[:choices]
    return found


def usage(answers: Sequence[ChoiceText], choices: int) -> dict[str, Any]:
    """Return the tokens of a request; a prompt is counted once, however many choices are written for it."""
    read = sum(int(one.details.get("prompt_tokens", 0)) for one in answers[::choices])
    wrote = sum(int(one.details.get("tokens", 0)) for one in answers)
    kept = sum(int(one.details.get("kept_tokens", 0)) for one in answers[::choices])
    return {
        "prompt_tokens": read,
        "completion_tokens": wrote,
        "total_tokens": read + wrote,
        "prompt_tokens_details": {"cached_tokens": kept},
    }


def chat_logprobs(tokens: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return log-probabilities as chat has them."""
    return {
        "content": [
            {**_token(one), "top_logprobs": [_token(top) for top in one.get("top", ())]} for one in tokens
        ],
        "refusal": None,
    }


class TextOffsets:
    """Counts the characters before each token of a text, of which some are parts of a character.

    A token may say itself where in the text it begins (`begin`). text: of the tokens so far.
    """

    def __init__(self) -> None:
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before = 0

    def take(self, token: Mapping[str, Any]) -> int:
        """Return how many characters were whole before the next token."""
        if "begin" in token:
            self._decoder.reset()
            self._before = token["begin"] - len(self.text)
        found = self._before + len(self.text)
        data = _bytes(token)
        self.text += token["token"] if data is None else self._decoder.decode(bytes(data))
        return found


def text_logprobs(tokens: Sequence[Mapping[str, Any]], offsets: TextOffsets) -> dict[str, Any]:
    """Return log-probabilities as completions have them; offsets: of the text, taken up to these tokens."""
    return {
        "tokens": [one["token"] for one in tokens],
        "token_logprobs": [one["logprob"] for one in tokens],
        "top_logprobs": [_tops(one) for one in tokens],
        "text_offset": [offsets.take(one) for one in tokens],
    }


def _tops(one: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the likely tokens in a place, the one that stands there among them; None where nothing is before it."""
    if one["logprob"] is None:
        return None
    return {top["token"]: top["logprob"] for top in (*one.get("top", ()), one)}


def _token(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": one["token"], "logprob": one["logprob"], "bytes": _bytes(one)}


def _bytes(one: Mapping[str, Any]) -> list[int] | None:
    """Return the bytes of a token; those of a part of a character, which has no text, where the driver knows them."""
    text: str = one["token"]
    known: list[int] | None = one.get("bytes")
    return known if known is not None or "\N{REPLACEMENT CHARACTER}" in text else list(text.encode())
