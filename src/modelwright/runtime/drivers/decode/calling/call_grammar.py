"""The grammar of an answer that may call: what is said, and behind each mark of a call an object that fits its tool.

Written in the grammar language of llguidance: https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.schemas.answer_schema import FORM, plain_schema, schema_problem
from modelwright.runtime.drivers.decode.calling.call_schema import call_schema
from modelwright.runtime.drivers.decode.calling.row_tools import MOST_CALLS
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts


@dataclass(frozen=True)
class AddedTokens:
    """Tokens that a vocabulary holds beside its own: by their texts, and those that may stand within a text."""

    ids: Mapping[str, int]
    spoken: Sequence[int]


def call_grammar(
    tools: Sequence[Tool],
    texts: ToolTexts,
    mark: str | None,
    added: AddedTokens,
    *,
    one_call: bool,
    schema: str | None = None,
) -> str:
    """Return the grammar of an answer that says any text beside its calls or, with a schema, calls or fits it.

    mark: what a call begins with; None, for which a schema is needed, where it is known by its object alone.
    Arguments are any object where a tool's parameters have what cannot be enforced.
    """
    most = None if schema is None else MOST_CALLS
    called = _called(tools, texts, mark, added.ids, one_call=one_call, most=most)
    if schema is not None:
        return f"{_held(schema, mark, added.ids, one_call=one_call)}{called}\n"
    assert mark is not None, "what is said is free where a call has no mark"
    return f"{_free(mark, added, one_call=one_call)}{called}\n"


def _free(mark: str, added: AddedTokens, *, one_call: bool) -> str:
    """Return the rules of any text, and of how a call begins within it."""
    control = added.ids
    begun = f"begun: TEXT <[{control[mark]}]>" if mark in control else f"begun[lazy]: TEXT {json.dumps(mark)}"
    others = [str(one) for one in added.spoken if one != control.get(mark)]
    text = f"text: (TEXT <[{','.join(others)}]>)* TEXT" if others else "text: TEXT"
    aside = f"aside: TEXT <[{','.join(others)}]>\n" if others else ""
    between = "aside* " if others else ""
    whole = f"{between}called | text" if one_call else f"({between}called)* text"
    return f"%llguidance {{}}\nstart: {whole}\n{text}\n{aside}{begun}\nTEXT: /(.|\\n)*/\n"


def _held(schema: str, mark: str | None, control: Mapping[str, int], *, one_call: bool) -> str:
    """Return the rules of calls alone, not more than come to an end, or of an object that fits a schema."""
    calls = "called" if one_call or mark is None else f"called{{1,{MOST_CALLS}}}"
    begun = f"begun: GAP {_literal(mark or '', control)}"
    answer = _object(plain_schema(json.loads(schema)))
    return f"%llguidance {{}}\nstart: {calls} | said\n{begun}\nsaid: {answer}\nGAP: /\\n{{0,2}}/\n"


def _called(
    tools: Sequence[Tool],
    texts: ToolTexts,
    mark: str | None,
    control: Mapping[str, int],
    *,
    one_call: bool,
    most: int | None,
) -> str:
    """Return the rules of one call that has `begun`, and of those that stand with it in one turn."""
    form = call_schema([_enforced(tool) for tool in tools], texts.keys)
    begin, end = texts.around
    behind = texts.prefix if mark is None else texts.prefix.partition(mark)[2]
    body = f"{_literal(behind, control)} call {_literal(end, control)}"
    if texts.calls_before:  # calls stand together
        joint = texts.calls_joint
        further = f"{_literal((joint or '') + begin, control)} call {_literal(end, control)}"
        times = "*" if most is None else f"{{0,{most - 1}}}"
        more = "" if joint is None or one_call else f"({further}){times}"
        body = f"{body} {more} {_literal(_closing(texts), control)}"
    return f"called: begun {body}\ncall: {_object(json.loads(form))}"


def further_grammar(tools: Sequence[Tool], texts: ToolTexts, added: AddedTokens, most: int) -> str:
    """Return the grammar of an answer that stands behind the beginning of a call: at most so many calls.

    Where the tools' parameters have what cannot be enforced, such an answer has been refused before.
    """
    form = json.loads(call_schema(tools, texts.keys))
    begin, end = texts.around
    joint = _literal(end + (texts.calls_joint or "") + begin, added.ids)
    closing = _literal(end + (_closing(texts) if texts.calls_before else ""), added.ids)
    further = f"({joint} call){{0,{most - 1}}}" if joint else ""
    closed = f"({closing})?" if closing else ""
    return f"%llguidance {{}}\nstart: call {further} {closed}\ncall: {_object(form)}\n"


def _object(schema: Mapping[str, Any]) -> str:
    """Return a schema as it stands in the grammar."""
    return f"%json {json.dumps({'x-guidance': dict(FORM), **schema})}"


def _closing(texts: ToolTexts) -> str:
    """Return what closes the calls of a turn, without the token that ends the answer: brackets alone."""
    found = re.match(r"[\])}\s]*", texts.calls_after)
    return found[0].rstrip() if found else ""


def _enforced(tool: Tool) -> Tool:
    parameters = tool["function"]["parameters"]
    if schema_problem(parameters, "parameters") is None:
        return tool
    return {**tool, "function": {**tool["function"], "parameters": {"type": "object"}}}


def _literal(text: str, control: Mapping[str, int]) -> str:
    """Return a text as it stands in the grammar, with its control tokens as such."""
    if not text:
        return ""
    if not control:
        return json.dumps(text)
    parts = re.split("|".join(f"({re.escape(one)})" for one in sorted(control, key=len, reverse=True)), text)
    return " ".join(f"<[{control[one]}]>" if one in control else json.dumps(one) for one in parts if one)
