"""Calls are read in what a body has written, in the forms that templates have, and as they come."""

from __future__ import annotations

import json

import pytest
import tiny_tools

from modelwright.core.messages import ValueProblem
from modelwright.kinds.dialogue.called_tools import calls_of
from modelwright.kinds.shared.calling.tool_calls import ToolCall, parted, with_calls
from modelwright.runtime.drivers.decode.calling.call_reading import CallReader
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

HERMES = ToolTexts.model_validate(tiny_tools.HERMES)
MISTRAL = ToolTexts.model_validate(tiny_tools.MISTRAL_TEXTS)
LLAMA = ToolTexts(user="{tools}", call='{"name": "{name}", "parameters": {arguments}}', calls_joint=None)
NOW, ROME = ToolCall("now", "{}"), ToolCall("weather", '{"city": "Rome"}')
BLOCK = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'

CASES = [
    (HERMES, "It is mild.", "It is mild.", ()),
    (HERMES, f"I see.\n{BLOCK}", "I see.", (ROME,)),
    (HERMES, f'{BLOCK}\n<tool_call>{{"name":"now"}}</tool_call>', "", (ROME, NOW)),
    (HERMES, f"{BLOCK} Then more.", "Then more.", (ROME,)),
    (HERMES, "A <tool_call> is a mark.", "A <tool_call> is a mark.", ()),
    (HERMES, '<tool_call>{"name": "other", "arguments": {}}', '<tool_call>{"name": "other", "arguments": {}}', ()),
    (HERMES, '<tool_call>{"name": "now", "arguments": [1', '<tool_call>{"name": "now", "arguments": [1', ()),
    (HERMES, '<tool_call>{"name": "now", "arguments": [1]}', '<tool_call>{"name": "now", "arguments": [1]}', ()),
    (HERMES, "<tool_c", "<tool_c", ()),
    (
        MISTRAL,
        '[TOOL_CALLS] [{"name": "now", "arguments": {}, "id": "abc"}, '
        '{"name": "weather", "arguments": {"city": "Rome"}}]',
        "",
        (NOW, ROME),
    ),
    (LLAMA, '{"name": "weather", "parameters": {"city": "Rome"}}', "", (ROME,)),
    (LLAMA, '{"an": "object"}', '{"an": "object"}', ()),
    (LLAMA, "Say {.", "Say {.", ()),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "text", "content", "calls"), CASES)
def test_what_is_called_is_told_apart_and_what_was_shown_stays(
    texts: ToolTexts, text: str, content: str, calls: tuple[ToolCall, ...]
) -> None:
    reader = CallReader(texts, ["weather", "now"], forced=False, most=None)
    whole = reader.read(text, done=True)
    assert (whole.content, whole.calls) == (content, calls)
    shown, found = "", 0
    for length in range(len(text) + 1):
        part = reader.read(text[:length], done=False)
        assert part.content.startswith(shown)
        assert whole.content.startswith(part.content)
        assert whole.calls[: len(part.calls)] == part.calls
        assert len(part.calls) >= found
        shown, found = part.content, len(part.calls)


@pytest.mark.parametrize(
    ("texts", "joint", "end"),
    [(HERMES, "\n</tool_call>\n<tool_call>\n", "\n</tool_call>"), (MISTRAL, ", ", "]")],
)
def test_behind_a_call_that_must_come_others_are_read_once_they_are_whole(
    texts: ToolTexts, joint: str, end: str
) -> None:
    first, second = ('{"name": "weather", "arguments": {"city": "Rome"}}', '{"name": "now", "arguments": {}}')
    text = f"{first}{joint}{second}{end}"
    reader = CallReader(texts, ["weather", "now"], forced=True, most=8)
    assert reader.read(text, done=True).calls == (ROME, NOW)
    assert CallReader(texts, ["weather", "now"], forced=True, most=1).read(text, done=True).calls == (ROME,)
    found = 0
    for length in range(len(text) + 1):
        part = reader.read(text[:length], done=False)
        assert part.content == ""
        assert len(part.calls) >= found
        found = len(part.calls)
        assert not part.calls[1:] or part.calls == (ROME, NOW)


def test_one_call_ends_an_answer_where_no_more_are_wanted() -> None:
    reader = CallReader(HERMES, ["weather", "now"], forced=False, most=1)
    assert reader.stops == ("</tool_call>",)
    assert reader.read(f"{BLOCK}\n{BLOCK}", done=True).calls == (ROME,)
    assert CallReader(LLAMA, ["now"], forced=False, most=1).stops == ()


def test_the_arguments_of_a_forced_call_come_as_they_are_written() -> None:
    reader = CallReader(HERMES, ["weather", "now"], forced=True, most=1)
    text = '{"name": "weather", "arguments": {"city": "Rome"}}'
    seen = ""
    for length in range(len(text) + 1):
        read = reader.read(text[:length], done=False)
        (now,) = read.calls or (ToolCall("weather", ""),)
        assert now.arguments.startswith(seen)
        seen = now.arguments
    assert (seen, read.is_whole) == (ROME.arguments, True)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>",
        "<tool_call>\n{}\n</tool_call>",
        '<tool_call>\n{"name": "a", "arguments": "{}"}\n</tool_call>',
        '<tool_call>\n{"name": "a", "arguments": {}, "more": 1}\n</tool_call>',
        '<tool_call>\n{"name": "a", "arguments": {"b": NaN}}\n</tool_call>',
        f"{BLOCK}\nand so on",
    ],
)
def test_what_stands_like_a_call_and_is_none_is_text(text: str) -> None:
    assert parted(text) == (text, ())


def test_calls_come_back_as_they_were_written() -> None:
    for content in ("", "I see.", "<tool_call>\n{}\n</tool_call>"):
        assert parted(with_calls(content, [ROME, NOW])) == (content, (ROME, NOW))
    assert parted(BLOCK) == ("", (ROME,))


@pytest.mark.parametrize("arguments", ['{"city": "Ro', "[]", "null", '"', "\n\u2028\\"])
def test_arguments_that_were_cut_are_read_as_they_were_written(arguments: str) -> None:
    calls = (ROME, ToolCall("weather", json.dumps(arguments, ensure_ascii=False)))
    assert parted(with_calls("I see.", calls)) == ("I see.", calls)
    given = [{"function": {"name": "weather", "arguments": arguments}}]
    (call,) = calls_of(given, 1, may_be_cut=True)
    with pytest.raises(ValueProblem):  # in data it is a fault of its row
        calls_of(given, 1, may_be_cut=False)
    assert call == calls[1]
    assert json.loads(HERMES.object_of(call, 0)) == {"name": "weather", "arguments": arguments}


def test_the_text_of_an_object_is_no_call_of_ours() -> None:
    text = '<tool_call>\n{"name": "weather", "arguments": "{}"}\n</tool_call>'
    assert parted(text) == (text, ())
