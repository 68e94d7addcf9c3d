"""What a caller says beside the inputs (`Call.options`), checked; the body's own settings where it says nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Problem, RequestError
from modelwright.kinds.shared.calling.offered_tools import MOST_TOOLS
from modelwright.kinds.shared.sealed_state import SealedState
from modelwright.runtime.drivers.decode.decode_settings import (
    MinP,
    Penalty,
    Sampling,
    Temperature,
    Tokens,
    TopK,
    TopP,
)
from modelwright.runtime.worker.values import PROMPT_IDS

SCHEMA = "schema"
CHOICE, NONE, AUTO, REQUIRED = "tool_choice", "none", "auto", "required"
_MOST_STOPS, _LONGEST_STOP = 16, 1000
_SEEDS = 1 << 64
_FLOATS = (
    *("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    "max_time_s",
)
_Stop = Annotated[str, Field(min_length=1, max_length=_LONGEST_STOP)]
_MOST_BIASES = 300
_Bias = Annotated[float, Field(ge=-100.0, le=100.0)]
_Penalty = Annotated[float, Field(ge=-2.0, le=2.0)]  # the OpenAI protocol's bounds
_Token = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
_TokenId = Annotated[int, Field(ge=0, lt=1 << 31)]
_Likely = Annotated[int, Field(ge=0, le=20)]
_Seed = Annotated[int, Field(ge=-_SEEDS, lt=_SEEDS)]


class _NamedFunction(SealedState):
    name: Annotated[str, Field(min_length=1, max_length=64)]


class _NamedTool(SealedState):
    """One tool that is to be called, as the OpenAI protocol names it."""

    type: Literal["function"]
    function: _NamedFunction


class _Allowance(SealedState):
    mode: Literal["auto", "required"]
    tools: Annotated[list[_NamedTool], Field(min_length=1, max_length=MOST_TOOLS)]


class _AllowedTools(SealedState):
    """Those of the tools that may be called; the prompt names the others, too."""

    type: Literal["allowed_tools"]
    allowed_tools: _Allowance


class _Options(SealedState):
    """The options of a call, each of which may be left out (None)."""

    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_k: TopK | None = None
    top_p: TopP | None = None
    min_p: MinP | None = None
    repetition_penalty: Penalty | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: Annotated[dict[_Token, _Bias], Field(max_length=_MOST_BIASES)] | None = None
    seed: _Seed | list[_Seed] | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=_MOST_STOPS)] | None = None
    logprobs: _Likely | None = None
    prompt_logprobs: _Likely | None = None
    prompt_ids: list[Annotated[list[_TokenId], Field(min_length=1)]] | None = None
    max_time_s: Annotated[float, Field(gt=0.0)] | None = None
    held_to: dict[str, Any] | None = Field(None, alias=SCHEMA)
    tool_choice: Literal["none", "auto", "required"] | _NamedTool | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None


def schemas() -> dict[str, JsonObject]:
    """Return the JSON schema of each option of one row."""
    found = {
        name: {key: value for key, value in schema.items() if key not in {"default", "title"}}
        for name, schema in _Options.model_json_schema()["properties"].items()
    }
    function = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    tool = {
        "type": "object",
        "properties": {"type": {"const": "function"}, "function": function},
        "required": ["type", "function"],
    }
    allowance = {
        "type": "object",
        "properties": {"mode": {"enum": [AUTO, REQUIRED]}, "tools": {"type": "array", "items": tool}},
        "required": ["mode", "tools"],
    }
    allowed = {
        "type": "object",
        "properties": {"type": {"const": "allowed_tools"}, "allowed_tools": allowance},
        "required": ["type", "allowed_tools"],
    }
    choices = {"enum": [NONE, AUTO, REQUIRED, None]}
    found[CHOICE] = {"anyOf": [choices, tool, allowed]}
    whole = {"type": "integer", "minimum": -_SEEDS, "exclusiveMaximum": _SEEDS}
    return {**found, "seed": {"anyOf": [whole, {"type": "null"}]}}


@dataclass(frozen=True)
class RowOptions:
    """How one row is answered.

    seed: of the noise; equal seeds give equal answers. stop: texts before which an answer ends. logprobs: how many
    likely tokens are named beside each that was chosen (None: no log-probabilities at all). max_time_s: the answer
    ends after it. schema: a JSON schema that the answer fits, as text. choice: whether tools are called: none, auto,
    required, or the name of one behind `=`. allowed: the names of those that may be (None: of all). one_call: whether
    at most one is. presence, frequency: what a token's logit loses once it stands in the answer, and for each time that
    it does; bias: (token, what is added to its logit). prompt_logprobs: as logprobs, of the tokens of what the row
    says. prompt_ids: the tokens of the whole prompt, with no template around them, in the place of what the row says.
    """

    sampling: Sampling
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    max_time_s: float | None = None
    schema: str | None = None
    choice: str = AUTO
    allowed: tuple[str, ...] | None = None
    one_call: bool = False
    presence: float = 0.0
    frequency: float = 0.0
    bias: tuple[tuple[int, float], ...] = ()
    prompt_logprobs: int | None = None
    prompt_ids: tuple[int, ...] | None = None


def row_options(options: Mapping[str, Any], defaults: Sampling, rows: int) -> list[RowOptions]:
    """Return the options of each row of a call; raises RequestError for values that are none.

    `seed` may be a list, one for each row, and `prompt_ids` is one. What this driver does not know is left to others.
    """
    names = (field.alias or name for name, field in _Options.model_fields.items())
    known = {name: options[name] for name in names if options.get(name) is not None}
    for name in _FLOATS:
        if type(known.get(name)) is int:
            known[name] = float(known[name])  # JSON knows one kind of number
    if isinstance(bias := known.get("logit_bias"), Mapping):
        known["logit_bias"] = {one: float(more) if type(more) is int else more for one, more in bias.items()}
    try:
        read = _Options.model_validate(known)
    except ValidationError as error:
        every = error.errors(include_input=False, include_url=False)
        # of an option of several types, what is wrong with the one that was given
        first = next((one for one in every if not one["type"].endswith("_type")), every[0])
        raise RequestError(Problem("request.option", name=str(first["loc"][0]), error=first["msg"])) from None
    except OverflowError:
        raise RequestError(Problem("request.option", name="seed", error="Input is too large")) from None
    seeds = read.seed if isinstance(read.seed, list) else [read.seed or 0] * rows
    prompts: Sequence[Sequence[int] | None] = read.prompt_ids or [None] * rows
    for name, each in (("seed", seeds), (PROMPT_IDS, prompts)):
        if len(each) != rows:
            raise RequestError(Problem("request.option", name=name, error=f"{len(each)} ≠ {rows}"))
    given = {name: getattr(read, name) for name in Sampling.model_fields if getattr(read, name) is not None}
    sampling = defaults.model_copy(update=given)
    stop = (read.stop,) if isinstance(read.stop, str) else tuple(read.stop or ())
    if stop and read.held_to is not None:  # it would end an answer in the middle of an object
        raise RequestError(Problem("request.option", name="stop", beside=SCHEMA))
    schema = None if read.held_to is None else json.dumps(read.held_to)
    choice, allowed = _choice(read)
    return [
        RowOptions(
            sampling,
            seed % _SEEDS,
            stop,
            read.logprobs,
            read.max_time_s,
            schema,
            choice,
            allowed,
            read.parallel_tool_calls is False,
            read.presence_penalty or 0.0,
            read.frequency_penalty or 0.0,
            tuple((int(token), more) for token, more in (read.logit_bias or {}).items()),
            read.prompt_logprobs,
            None if ids is None else tuple(ids),
        )
        for seed, ids in zip(seeds, prompts, strict=True)
    ]


def _choice(read: _Options) -> tuple[str, tuple[str, ...] | None]:
    """Return which tools are called, and the names of those that may be (None: of all).

    Raises RequestError where a stop string would end the object of a call that must come.
    """
    choice, allowed = read.tool_choice, None
    if isinstance(choice, _AllowedTools):
        allowed = tuple(one.function.name for one in choice.allowed_tools.tools)
        choice = choice.allowed_tools.mode
    found = f"={choice.function.name}" if isinstance(choice, _NamedTool) else choice or AUTO
    if read.stop and found not in (NONE, AUTO):
        raise RequestError(Problem("request.option", name=CHOICE, beside="stop"))
    return found, allowed
