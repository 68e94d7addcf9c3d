"""Reads from a chat template what stands around tools, their calls and results.

As with turns, the template is rendered on marks, and what stands between them are the texts. Then prompts are put
together from them as in serving, for further dialogues: where one differs from what the template renders, the template
is taken for one without tools.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from tokenizers import Tokenizer, models

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.turns import ASSISTANT, SYSTEM, TOOL, TOOLS, USER, is_dialogue
from modelwright.learners.generate import prompt_pieces
from modelwright.learners.generate.spec import ChatTemplate
from modelwright.learners.generate.templates.rendering import dialogue
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts, own_id
from modelwright.runtime.drivers.decode.prompts import Prompts

_Turn = Mapping[str, Any]
_U, _U2, _A, _S, _R, _R2 = (
    f"\u00ab{one}\u00bb" for one in ("user", "again", "assistant", "system", "one", "two")
)
_QUOTED = '\u00abone\u00bb "\\\n'
_NAMES = ("first_call", "second_call")
_ARGUMENTS = ('{"mark": "\u00aba\u00bb"}', '{"mark": "\u00abb\u00bb"}')
_INDENTS = (None, 4, 2, 1, 3)


class _Unread(Exception):  # noqa: N818 - no error: the template is one without tools
    """A template whose tools cannot be read."""


def _tool(name: str) -> dict[str, Any]:
    properties = {"mark": {"type": "string", "description": "what it is"}}
    parameters = {"type": "object", "properties": properties, "required": ["mark"]}
    function = {"name": name, "description": "It tells.", "parameters": parameters}
    return {"type": "function", "function": function}


def _calls(*calls: tuple[str, str], before: int = 0, content: str = "") -> _Turn:
    """Return a turn with calls; before: calls in earlier turns."""
    made = [
        {
            "id": own_id(before + place),
            "type": "function",
            "function": {"name": name, "arguments": json.loads(given)},
        }
        for place, (name, given) in enumerate(calls)
    ]
    return {"role": ASSISTANT, "content": content, "tool_calls": made}


def _result(text: str, place: int = 0, name: str = _NAMES[0]) -> _Turn:
    return {"role": TOOL, "content": text, "tool_call_id": own_id(place), "name": name}


_USER, _USER2, _ANSWER, _SYSTEM = (
    {"role": role, "content": text} for role, text in ((USER, _U), (USER, _U2), (ASSISTANT, _A), (SYSTEM, _S))
)
_ONE, _TWO = [_tool(_NAMES[0])], [_tool(one) for one in _NAMES]
_FIRST, _BOTH = _calls((_NAMES[0], _ARGUMENTS[0])), _calls(*zip(_NAMES, _ARGUMENTS, strict=True))
_SPOKEN = _calls((_NAMES[0], _ARGUMENTS[0]), content=_A)
_LEARNED: Sequence[tuple[Sequence[_Turn], Sequence[object]]] = (
    ([_USER], _ONE),
    ([_USER], _TWO),
    ([_SYSTEM, _USER], _ONE),
    ([_USER, _ANSWER, _USER2], _ONE),
    ([_USER, _FIRST], _ONE),
    ([_USER, _BOTH], _ONE),
    ([_USER, _SPOKEN], _ONE),
    ([_USER, _FIRST, _result(_R)], _ONE),
    ([_USER, _BOTH, _result(_R), _result(_R2, 1, _NAMES[1])], _ONE),
    ([_USER, _FIRST, _result(_QUOTED)], _ONE),
)
_OTHER = _calls(("tell", '{"at": [1, null, "x y"], "to": {"\u6c49": true}}'))
_SEVERAL = _calls(("tell", "{}"), ("ask", '{"b": 2.5}'), ("ask", '{"b": 3}'))
_AGAIN = [_result("a", 0, "tell"), _result("b\nc", 1, "ask"), _result("d", 2, "ask")]
_TRIED: Sequence[tuple[Sequence[_Turn], Sequence[object]]] = (
    ([_SYSTEM, _USER, _OTHER, _result('so "be" it', 0, "tell"), _ANSWER, _USER2], _TWO),
    ([_USER, _ANSWER, _USER2, _OTHER, _result("x", 0, "tell")], _TWO),
    ([_USER, _SEVERAL, *_AGAIN, _ANSWER, _USER2], _ONE),
    ([_USER, _OTHER, _result("x", 0, "tell"), _calls(("ask", "{}"), before=1), _result("y", 1, "ask")], _ONE),
)
DIALOGUES = [dialogue(turns, tools) for turns, tools in (*_LEARNED, *_TRIED)]


def with_tools(template: ChatTemplate, texts: Sequence[str | None]) -> ChatTemplate:
    """Return a template with its texts around tools, as it is where they cannot be read.

    texts: what DIALOGUES are rendered as, each without and with what stands before an answer.
    """
    try:
        tools = _read(template, texts[::2])
    except (_Unread, ValueError):  # pydantic's errors among them: a call that is no object
        return template
    found = template.model_copy(update={"tools": tools})
    for place, (turns, offered) in enumerate(_TRIED, len(_LEARNED)):
        for reply in (False, True):
            wanted = texts[2 * place + int(reply)]
            if wanted is None:
                if _may_be_refused(tools, turns):
                    continue
                return template
            if _put_together(found, turns, offered, reply=reply) != wanted:
                return template
    return found


def _read(template: ChatTemplate, texts: Sequence[str | None]) -> ToolTexts:
    """Return the texts around tools, each of the first dialogues by its place; raises _Unread."""
    one, two, with_system, again, first, both, content, result, results, quoted = texts[: len(_LEARNED)]
    if one is None or two is None or again is None or first is None or result is None or quoted is None:
        raise _Unread
    item, indent, joint = _items(one, two)
    shown = _shown(item, indent, _ONE[0])
    offered = _offered(template, *(_slotted(text, shown) for text in (one, with_system, again)))
    called = _called(template, first, both, content)
    return ToolTexts(
        **offered,
        item=item,
        indent=indent,
        joint=joint,
        **called,
        **_answered(first, result, both, results, quoted),
    )


def _items(one: str, two: str) -> tuple[Any, int | None, str]:
    """Return how a tool is written, and what stands between two."""
    for item, indent in product(("whole", "function"), _INDENTS):
        first, second = (_shown(item, indent, tool) for tool in _TWO)
        if one.count(first) == 1 and two.count(first) == two.count(second) == 1:
            return item, indent, _between(two, first, second)
    raise _Unread


def _shown(item: str, indent: int | None, tool: dict[str, Any]) -> str:
    return json.dumps(tool if item == "whole" else tool["function"], ensure_ascii=False, indent=indent)


def _slotted(text: str | None, shown: str) -> str | None:
    return None if text is None or "{tools}" in text else text.replace(shown, "{tools}")


def _offered(
    template: ChatTemplate, one: str | None, with_system: str | None, again: str | None
) -> dict[str, Any]:
    """Return where tools stand; the texts have a place for them."""
    if one is None or again is None or one.count(_U) != 1 or one.count("{tools}") != 1:
        raise _Unread
    before = one.partition(_U)[0]
    opened, rest = again.split(_U, maxsplit=1)
    at = "first" if "{tools}" in opened else "last"
    own = before
    if at == "last":
        own = _between(rest, _A, _U2).removeprefix(template.assistant.after)
    elif with_system is not None and with_system.count(_S) == 1:
        own = _common_end(before, _between(with_system, _S, _U))
    if "{tools}" not in own or not before.endswith(own):
        own, with_system = before, None
    found: dict[str, Any] = {"opening": before.removesuffix(own), "user": own, "at": at}
    if template.system is not None and with_system is not None and with_system.count(_S) == 1:
        behind = _between(with_system, _S, _U)
        if behind.endswith(own):
            found |= {"system_before": with_system.partition(_S)[0], "system_after": behind.removesuffix(own)}
    return found


def _called(template: ChatTemplate, first: str, both: str | None, content: str | None) -> dict[str, Any]:
    """Return the texts around calls."""
    turn = first.partition(_U)[2].removeprefix(template.user.after)
    begin = None if turn.startswith(template.assistant.before) else ""
    turn = turn if begin is not None else turn.removeprefix(template.assistant.before)
    name, given = _NAMES[0], _ARGUMENTS[0]
    head, middle = turn.partition(name)[0], _between(turn, name, given)
    tail = turn.partition(given)[2]
    after, joint = "", None
    if template.assistant.after and tail.endswith(template.assistant.after):
        after, tail = template.assistant.after, tail.removesuffix(template.assistant.after)
    before = ""
    if both is not None and both.count(_NAMES[1]) == 1:
        between = _between(both, given, _NAMES[1])
        own = _common_begin(_ids(tail), _ids(between))
        after, tail = _ids(tail).removeprefix(own) + after, own
        joined = _ids(between).removeprefix(own)
        own = _common_end(_ids(head), joined)
        before, head, joint = _ids(head).removesuffix(own), own, joined.removesuffix(own)
    call = f"{_ids(head)}{{name}}{middle}{{arguments}}{_ids(tail)}"
    beside = None
    if content is not None and content.count(_A) == 1:
        behind = _ids(content.partition(_A)[2])
        start = behind.find(before + call.partition("{name}")[0])
        beside = behind[:start] if start >= 0 else None
    return {
        "call": call,
        "calls_begin": begin,
        "calls_before": before,
        "calls_joint": joint,
        "calls_after": after,
        "content_joint": beside,
    }


def _answered(first: str, result: str, both: str | None, results: str | None, quoted: str) -> dict[str, Any]:
    """Return the texts around results."""
    if not result.startswith(first) or result.count(_R) != 1:
        raise _Unread
    begin, _, end = _ids(result.removeprefix(first)).partition(_R)
    is_quoted = json.dumps(_QUOTED, ensure_ascii=False)[1:-1] in quoted
    if not is_quoted and _QUOTED.strip() not in quoted:
        raise _Unread
    found: dict[str, Any] = {"result": f"{begin}{{result}}{end}", "quoted": is_quoted}
    if both is None or results is None or not results.startswith(both):
        return found
    between = _ids(_between(results, _R, _R2))
    own_end = _common_begin(end, between)
    joined = between.removeprefix(own_end)
    own_begin = _common_end(begin, joined)
    return found | {
        "results_before": begin.removesuffix(own_begin),
        "result": f"{own_begin}{{result}}{own_end}",
        "results_joint": joined.removesuffix(own_begin),
        "results_after": end.removeprefix(own_end),
    }


def _may_be_refused(tools: ToolTexts, turns: Sequence[_Turn]) -> bool:
    """Tell whether a template refuses a dialogue as it has no turn of the system, or one call alone."""
    alone = any(len(one.get("tool_calls", ())) > 1 for one in turns) and tools.calls_joint is None
    return alone or (turns[0]["role"] == SYSTEM and tools.system_before is None)


def _put_together(
    template: ChatTemplate, turns: Sequence[_Turn], offered: Sequence[object], *, reply: bool
) -> str | None:
    """Return the prompt of a dialogue as it is put together in serving, by a tokenizer of single letters."""
    kind = next(one for one in kinds.names() if is_dialogue(Field("messages", one)))
    field = Field("messages", kind)
    signature = Signature("ask", (field,), ())
    whole = template if reply else template.model_copy(update={"reply": ""})
    settings = prompt_pieces.settings(signature, whole)
    given = [{"role": TOOLS, "content": offered}, *turns]
    letters = sorted(
        set(json.dumps([template.model_dump(), given], ensure_ascii=False)) | set('\n\t\r"\\call0123456789')
    )
    tokenizer = Tokenizer(models.BPE({one: place for place, one in enumerate(letters)}, []))
    prompts = Prompts(signature, settings.prompt, tokenizer.to_str().encode(), len(letters), settings.tools)
    ids = prompts.ids({"messages": kinds.value(kind).parse(given)})
    return "".join(letters[one] for one in ids)


def _ids(text: str) -> str:
    """Return a text with places for the ids of calls."""
    return text.replace(own_id(0), "{id}").replace(own_id(1), "{id}")


def _between(text: str, begin: str, end: str) -> str:
    """Return what stands between two marks; raises _Unread where they do not follow each other."""
    behind = text.partition(begin)[2]
    if end not in behind:
        raise _Unread
    return behind.partition(end)[0]


def _common_end(one: str, other: str) -> str:
    return _common_begin(one[::-1], other[::-1])[::-1]


def _common_begin(one: str, other: str) -> str:
    size = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return one[:size]
