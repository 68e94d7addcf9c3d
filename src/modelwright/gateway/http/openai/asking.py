"""What a body of the protocol asks for: each of its options is known, refused by name, or named as ignored."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelwright.core.json_types import Json, JsonLike
from modelwright.core.messages import Problem, RequestError
from modelwright.gateway.http.dialect import STREAM, Headers
from modelwright.kinds.shared.schemas.closed_objects import close_objects

MOST_CHOICES = 128
# Those of the driver that have the protocol's names, and its own, which clients send as `extra_body`.
_DRIVERS = (
    *("temperature", "top_p", "stop", "top_k", "min_p", "repetition_penalty", "max_time_s"),
    *("presence_penalty", "frequency_penalty", "logit_bias"),
)
# They say who asks or how the answer is paid for, not what it is.
HARMLESS = frozenset(
    {
        *("user", "store", "metadata", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
        *("verbosity", "reasoning_effort"),
        *("prediction", "cache_prompt"),  # they make the same answer quicker
    }
)
# What changes nothing at these values, and is not done at others.
_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    # of other servers, whose clients send what is usual there
    "ignore_eos": (False,),
    "min_tokens": (0,),
    "length_penalty": (1,),
    "use_beam_search": (False,),
    "skip_special_tokens": (True,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "chat_template_kwargs": ({},),
}
_WHOLE = frozenset({"max_tokens", "max_completion_tokens", "top_k"})
FORMAT = "response_format"
_PROMISES = ("schema", "stop", "logprobs")
_OTHER_NAMES: Mapping[str, str] = {"max_completion_tokens": "max_tokens"}
IGNORED_HEADER = b"x-ignored-options"


@dataclass(frozen=True)
class Asking:
    """What is asked beside the prompt. choices: answers to each prompt; options: what the worker is asked.

    ignored: options without effect; has_usage: whether a stream ends with its usage; seed: of the first choice.
    """

    choices: int
    options: Mapping[str, JsonLike]
    ignored: tuple[str, ...]
    in_parts: bool
    has_usage: bool
    seed: int

    def seeded(self, rows: int) -> dict[str, JsonLike]:
        """Return the options of so many rows; each choice has noise of its own."""
        return {**self.options, "seed": [self.seed + row for row in range(rows)]}

    @property
    def headers(self) -> Headers:
        """Return the header that names what was ignored."""
        return ignored_header(self.ignored)


def ignored_header(names: Sequence[str]) -> Headers:
    """Return the header that names what was ignored."""
    return [(IGNORED_HEADER, ", ".join(names).encode())] if names else []


def object_of(body: Json) -> dict[str, Any]:
    """Return the object of a body; raises RequestError (400)."""
    if not isinstance(body, dict):
        raise wrong("body", "an object")
    return body


def require_model(body: Mapping[str, Any], function: str) -> None:
    """Raise RequestError: 404 for another model, 400 where none is named."""
    model = body.get("model")
    if not isinstance(model, str):
        raise wrong("model", "the name of a model")
    if model != function:
        raise RequestError(Problem("request.no-such-model", model=model[:60]), 404)


def asking(body: Mapping[str, Any], own: Collection[str]) -> Asking:
    """Return what a body asks for; own: the keys of its path. Raises RequestError (400) for the rest."""
    given = {key: value for key, value in body.items() if value is not None}
    given |= {key: as_whole(given[key]) for key in given.keys() & _WHOLE}
    known = {
        "model",
        "n",
        "seed",
        STREAM,
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        FORMAT,
        *own,
        *_DRIVERS,
    }
    ignored = []
    for key, value in given.items():
        if key in known:
            continue
        if key in HARMLESS or any(value == one and type(value) is type(one) for one in _neutral(key)):
            ignored.append(key)
            continue
        raise RequestError(Problem("request.unsupported", name=key[:60], is_known=key in _NEUTRAL), 400)
    choices = whole(given, "n", 1, MOST_CHOICES) or 1
    in_parts = flag(given, STREAM)
    options: dict[str, JsonLike] = {name: given[name] for name in _DRIVERS if name in given}
    most = [given[name] for name in ("max_completion_tokens", "max_tokens") if name in given]
    if most:
        if most[0] != most[-1]:
            raise wrong("max_tokens", "the same as max_completion_tokens")
        options["max_tokens"] = most[0]
    if (schema := answer_schema(given.get(FORMAT))) is not None:
        options["schema"] = close_objects(schema)
    return Asking(
        choices,
        options,
        tuple(ignored),
        in_parts,
        _has_usage(given, in_parts=in_parts),
        _seed(given),
    )


def without_effect(
    found: Asking,
    body: Mapping[str, Any],
    options: Collection[str],
    known: Collection[str],
    passed_over: Sequence[str],
) -> Asking:
    """Return what is asked of a function that takes the options `known` alone: one that quotes draws no tokens.

    passed_over: what else has no effect.
    How tokens are drawn is then named as ignored. Raises RequestError (400) for what promises a form of the answer.
    """
    unknown = {name for name in options if name not in known}
    for name in _PROMISES:
        if name in unknown:
            raise RequestError(Problem("request.unsupported", name=name, is_known=True), 400)
    given = (name for name in body if body[name] is not None)
    more = [name for name in given if _OTHER_NAMES.get(name, name) in unknown]
    return replace(found, ignored=(*found.ignored, *passed_over, *more))


def answer_schema(given: object) -> dict[str, JsonLike] | None:
    """Return the JSON schema that a `response_format` holds an answer to, None for a text; raises RequestError (400).

    https://platform.openai.com/docs/guides/structured-outputs; `strict` or not, answers are held to it.
    """
    given = _without_nulls(given)
    match given:
        case None:
            return None
        case {"type": "text", **more} if not more:
            return None
        case {"type": "json_object", **more} if not more:
            return {"type": "object"}
        case {"type": "json_object", "schema": dict(schema), **more} if not more:  # as llama.cpp has it
            return schema
        case {
            "type": "json_schema",
            "json_schema": {"schema": dict(schema), **named},
            **more,
        } if not more and named.keys() <= {"name", "strict", "description"}:
            return schema
    raise wrong(
        FORMAT, '{"type": "text" | "json_object"}, {"type": "json_schema", "json_schema": {name, schema}}'
    )


def _without_nulls(given: object) -> object:
    """Return a format without what clients write as null; what is within a schema stays."""
    if not isinstance(given, dict):
        return given
    left = {key: value for key, value in given.items() if value is not None}
    return {key: _without_nulls(value) if key == "json_schema" else value for key, value in left.items()}


def _seed(given: Mapping[str, Any]) -> int:
    seed = whole(given, "seed", -(2**63), 2**63)
    # a client that names no seed and wants noise does not want the same text again
    return int.from_bytes(os.urandom(4), "big") if seed is None else seed


def wrong(name: str, wanted: str) -> RequestError:
    """Return the error of an option whose value is none."""
    return RequestError(Problem("request.option", name=name, wanted=wanted), 400)


def _neutral(key: str) -> tuple[object, ...]:
    found = _NEUTRAL.get(key, ())
    return (*found, *(float(one) for one in found if type(one) is int))


def _has_usage(given: Mapping[str, Any], *, in_parts: bool) -> bool:
    options = given.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise wrong("stream_options", "an object")
    unknown = options.keys() - {"include_usage", "include_obfuscation"}
    if unknown:
        name = f"stream_options.{min(unknown)}"[:60]
        raise RequestError(Problem("request.unsupported", name=name, is_known=False), 400)
    return flag(options, "include_usage") and in_parts  # a whole answer has its usage in any case


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Return a truth value, false where there is none; raises RequestError (400)."""
    value = given[name] if given.get(name) is not None else False
    if not isinstance(value, bool):
        raise wrong(name, "true, false")
    return value


def whole(given: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """Return a whole number within bounds, None where there is none; raises RequestError (400)."""
    value = as_whole(given.get(name))
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise wrong(name, f"{least} … {most}")
    return value


def as_whole(value: Any) -> Any:
    """Return 4 for 4.0, which some clients write; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
