"""Tools that an assistant may call, as the OpenAI protocol describes them, checked.

https://platform.openai.com/docs/guides/function-calling
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.core.messages import ValueProblem, shown

MOST_TOOLS = 128
_MOST_CHARACTERS = 100_000  # of the schema of one tool
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEYS = frozenset({"name", "description", "parameters", "strict"})

Tool = dict[str, Any]


def tools_of(stated: object) -> list[Tool]:
    """Return tools, a list or its JSON, as `{"type": "function", "function": {name, description, parameters}}`.

    A tool without parameters takes none. Raises ValueProblem for what is no list of tools of different names.
    """
    if isinstance(stated, str):
        try:
            stated = json.loads(stated)
        except (ValueError, RecursionError):
            raise ValueProblem("value.not-tools", shown=shown(stated)) from None
    if not isinstance(stated, Sequence) or isinstance(stated, str) or not stated:
        raise ValueProblem("value.not-tools", shown=shown(stated))
    if len(stated) > MOST_TOOLS:
        raise ValueProblem("value.too-many-tools", count=len(stated), most=MOST_TOOLS)
    found = [_tool(one, f"tools.{place}") for place, one in enumerate(stated)]
    names = [str(one["function"]["name"]) for one in found]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueProblem("value.tool-twice", name=f"tools.{place}.function.name", tool=name)
    try:
        text_of(found).encode()
    except UnicodeEncodeError:
        raise ValueProblem("value.half-a-character") from None
    return found


def text_of(tools: Sequence[Tool]) -> str:
    """Return tools as JSON, as a turn of a dialogue has them."""
    return json.dumps(tools, ensure_ascii=False)


def _tool(stated: object, at: str) -> Tool:
    function = stated.get("function") if isinstance(stated, Mapping) else None
    if (
        not isinstance(stated, Mapping)
        or not isinstance(function, Mapping)
        or stated.get("type") != "function"
    ):
        raise ValueProblem("value.not-a-tool", name=at, shown=shown(stated))
    if unknown := sorted(str(one) for one in function.keys() - _KEYS):
        raise ValueProblem("value.tool-key", name=f"{at}.function.{unknown[0][:40]}", known=sorted(_KEYS))
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueProblem("value.tool-name", name=f"{at}.function.name", shown=shown(name))
    described = function.get("description")
    if described is not None and not isinstance(described, str):
        raise ValueProblem("value.not-a-tool", name=f"{at}.function.description", shown=shown(described))
    own: Tool = {"name": name} if described is None else {"name": name, "description": described}
    return {"type": "function", "function": {**own, "parameters": _parameters(function, at)}}


def _parameters(function: Mapping[str, Any], at: str) -> object:
    """Return the schema of the arguments, which are an object."""
    stated = function.get("parameters")
    if stated is None:
        return {"type": "object", "properties": {}}
    name = f"{at}.function.parameters"
    try:
        length = len(json.dumps(stated, ensure_ascii=False, allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise ValueProblem("value.tool-schema", name=name, shown=shown(stated)) from None
    if length > _MOST_CHARACTERS:
        raise ValueProblem("value.long-tool", name=name, length=length, most=_MOST_CHARACTERS)
    if not isinstance(stated, Mapping) or stated.get("type", "object") != "object":
        raise ValueProblem("value.tool-schema", name=name, shown=shown(stated))
    return stated
