"""The tools that a body of chat offers, and what it asks of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Problem, RequestError, ValueProblem
from modelwright.gateway.http.openai.asking import wrong
from modelwright.kinds.shared.calling.offered_tools import MOST_TOOLS, Tool, tools_of
from modelwright.kinds.turns import TOOLS

CHOICE, PARALLEL = "tool_choice", "parallel_tool_calls"
KEYS = frozenset({TOOLS, CHOICE, PARALLEL})


@dataclass(frozen=True)
class Offer:
    """The turns that stand before a dialogue, and the options of its tools."""

    turns: list[dict[str, object]] = field(default_factory=list)
    options: Mapping[str, JsonLike] = field(default_factory=dict)


def offer(body: Mapping[str, Any], known: Collection[str], *, is_dialogue: bool) -> Offer:
    """Return what a body offers; known: the options of the function. Raises RequestError (400).

    Without tools, or where none is to be called, nothing of them is left.
    """
    choice, parallel = body.get(CHOICE), body.get(PARALLEL)
    if parallel is not None and not isinstance(parallel, bool):
        raise wrong(PARALLEL, "true, false")
    tools = _tools(body.get(TOOLS))
    match choice:
        case None | "none" | "auto" | "required":
            named, mode = [], choice
        case {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [*allowed]},
        } if 0 < len(allowed) <= MOST_TOOLS:
            named = [_named(one) for one in allowed]
        case _:
            named, mode = [_named(choice)], "required"
    names = [one["function"]["name"] for one in tools]
    for name in named:
        if tools and name not in names:
            raise RequestError(Problem("request.unknown-tool", name=CHOICE, tool=name[:64], known=names), 400)
    if choice == "none" or (not tools and mode in (None, "auto")):
        return Offer()
    if not tools:
        raise RequestError(Problem("request.no-tool-to-call", name=CHOICE), 400)
    if not is_dialogue or CHOICE not in known:
        raise RequestError(Problem("request.no-tools", name=TOOLS), 400)
    stated = {CHOICE: choice, PARALLEL: parallel}
    options = {name: value for name, value in stated.items() if value is not None}
    return Offer([{"role": TOOLS, "content": tools}], options)


def _named(choice: object) -> str:
    match choice:
        case {"type": "function", "function": {"name": str(name), **more}, **rest} if not more and not rest:
            return name
    raise wrong(
        CHOICE,
        'none, auto, required, {"type": "function", "function": {"name": …}}, '
        '{"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required", "tools": […]}}',
    )


def _tools(stated: object) -> list[Tool]:
    if stated is None or stated == []:
        return []
    if not isinstance(stated, list):
        raise wrong(TOOLS, "a list")
    try:
        return tools_of(stated)
    except ValueProblem as error:
        raise RequestError(error.message, 400) from None
