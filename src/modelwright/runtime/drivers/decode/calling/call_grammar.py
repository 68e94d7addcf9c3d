"""The grammar of an answer that may call: any text, and behind each mark of a call an object that fits its tool.

Written in the grammar language of llguidance: https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.schemas.answer_schema import FORM, schema_problem
from modelwright.runtime.drivers.decode.calling.call_schema import call_schema
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts


@dataclass(frozen=True)
class AddedTokens:
    """Tokens that a vocabulary holds beside its own: by their texts, and those that may stand within a text."""

    ids: Mapping[str, int]
    spoken: Sequence[int]


def call_grammar(
    tools: Sequence[Tool], texts: ToolTexts, mark: str, added: AddedTokens, *, one_call: bool
) -> str:
    """Return the grammar; mark: what a call begins with.

    Arguments are any object where a tool's parameters have what cannot be enforced.
    """
    schema = json.loads(call_schema([_enforced(tool) for tool in tools], texts.keys))
    begin, end = texts.around
    behind = texts.prefix.partition(mark)[2]
    control = added.ids
    body = f"{_literal(behind, control)} call {_literal(end, control)}"
    if texts.calls_before:  # calls stand together
        joint = texts.calls_joint
        further = f"{_literal((joint or '') + begin, control)} call {_literal(end, control)}"
        more = "" if joint is None or one_call else f"({further})*"
        body = f"{body} {more} {_literal(_closing(texts), control)}"
    begun = f"begun: TEXT <[{control[mark]}]>" if mark in control else f"begun[lazy]: TEXT {json.dumps(mark)}"
    others = [str(one) for one in added.spoken if one != control.get(mark)]
    text = f"text: (TEXT <[{','.join(others)}]>)* TEXT" if others else "text: TEXT"
    aside = f"aside: TEXT <[{','.join(others)}]>\n" if others else ""
    between = "aside* " if others else ""
    whole = f"{between}called | text" if one_call else f"({between}called)* text"
    form = {"x-guidance": dict(FORM), **schema}
    return (
        f"%llguidance {{}}\nstart: {whole}\n{text}\n{aside}called: begun {body}\n{begun}\n"
        f"call: %json {json.dumps(form)}\nTEXT: /(.|\\n)*/\n"
    )


def further_grammar(tools: Sequence[Tool], texts: ToolTexts, added: AddedTokens, most: int) -> str:
    """Return the grammar of an answer that stands behind the beginning of a call: at most so many calls.

    Where the tools' parameters have what cannot be enforced, such an answer has been refused before.
    """
    form = {"x-guidance": dict(FORM), **json.loads(call_schema(tools, texts.keys))}
    begin, end = texts.around
    joint = _literal(end + (texts.calls_joint or "") + begin, added.ids)
    closing = _literal(end + (_closing(texts) if texts.calls_before else ""), added.ids)
    further = f"({joint} call){{0,{most - 1}}}" if joint else ""
    closed = f"({closing})?" if closing else ""
    return f"%llguidance {{}}\nstart: call {further} {closed}\ncall: %json {json.dumps(form)}\n"


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
