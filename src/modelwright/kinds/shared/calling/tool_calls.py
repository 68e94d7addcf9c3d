"""Calls of tools as a text: what an assistant writes to have a function called.

In a dialogue, and as an answer, a call has one form, whatever the template of the weights makes of it: that of Hermes,
one object between two marks, each on a line of its own.

    <tool_call>
    {"name": "weather", "arguments": {"place": "Rome"}}
    </tool_call>
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

_BEGIN, _END = "<tool_call>", "</tool_call>"
_CALL = re.compile(rf"(?:\A|\n){_BEGIN}\n(\{{[^\n]*\}})\n{_END}(?=\n|\Z)")


class ToolCall(NamedTuple):
    """A function's name, and its arguments as the text of a JSON object; of a JSON text where they are none."""

    name: str
    arguments: str


def with_calls(content: str, calls: Sequence[ToolCall]) -> str:
    """Return what an assistant says, and behind it its calls."""
    return "\n".join([*filter(None, [content]), *map(_written, calls)])


def parted(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """Return what `with_calls` put together. What stands like a call and is none belongs to what is said."""
    calls: list[ToolCall] = []
    end = len(text)
    for found in reversed(list(_CALL.finditer(text))):
        call = _read(found[1])
        if call is None or found.end() != end:
            break
        calls.insert(0, call)
        end = found.start()
    return text[:end], tuple(calls)


def arguments_of(stated: object) -> str | None:
    """Return arguments, an object or its JSON, as they are written here; None for what is no object.

    An empty text is an object of nothing: so clients send back the call of a tool without parameters.
    """
    if isinstance(stated, str):
        stated = stated.strip() or "{}"
        try:
            stated = json.loads(stated, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return None
    if not isinstance(stated, dict):
        return None
    try:
        return json.dumps(stated, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return None


def text_as_arguments(text: str) -> str:
    """Return arguments that are no object, since they were cut, as they are written here."""
    return json.dumps(text, ensure_ascii=False)


def _written(call: ToolCall) -> str:
    name = json.dumps(call.name, ensure_ascii=False)
    return f'{_BEGIN}\n{{"name": {name}, "arguments": {call.arguments}}}\n{_END}'


def _read(line: str) -> ToolCall | None:
    try:
        stated = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    if stated.keys() != {"name", "arguments"} or not isinstance(stated["name"], str):
        return None
    arguments = arguments_of(stated["arguments"])
    if isinstance(stated["arguments"], str):  # of an object it is none of ours
        arguments = text_as_arguments(stated["arguments"]) if arguments is None else None
    return None if arguments is None else ToolCall(stated["name"], arguments)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(constant)
