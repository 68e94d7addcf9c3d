"""Templates of the forms that published weights have are taken apart with their tools."""

from __future__ import annotations

import pytest
import tiny_tools

from modelwright.learners.generate.templates import template_reading

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def test_hermes_and_qwen() -> None:
    found = template_reading.read(tiny_tools.QWEN, TOKENS).tools
    assert found is not None
    assert found.call == '<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>'
    assert (found.calls_before, found.calls_joint, found.content_joint) == ("", "\n", "\n")
    assert found.calls_after == "<|im_end|>\n"
    assert found.results_before == "<|im_start|>user"
    assert found.result == "\n<tool_response>\n{result}\n</tool_response>"
    assert (found.opening, found.system_before) == ("<|im_start|>system\nYou help.", "<|im_start|>system\n")
    assert (found.item, found.indent, found.joint, found.at) == ("whole", None, "\n", "first")


def test_an_object_alone_as_llama_has_it() -> None:
    found = template_reading.read(tiny_tools.LLAMA, TOKENS).tools
    assert found is not None
    assert found.call == '{"name": "{name}", "parameters": {arguments}}'
    assert (found.prefix, found.calls_joint, found.quoted, found.indent) == ("", None, True, 4)
    assert (found.keys.arguments, found.result) == ("parameters", '<|tool|>\n"{result}"<|end|>')
    assert found.user.endswith("<|user|>\nAnswer with a call.\n\n{tools}\n\n")


def test_a_list_with_ids_as_mistral_has_it() -> None:
    found = template_reading.read(tiny_tools.MISTRAL, TOKENS).tools
    assert found is not None
    assert found.call == '{"name": "{name}", "arguments": {arguments}, "id": "{id}"}'
    assert (found.calls_before, found.calls_joint, found.calls_after) == ("[TOOL_CALLS] [", ", ", "]</s>")
    assert (found.at, found.system_before) == ("last", None)
    assert found.user == "[AVAILABLE_TOOLS] [{tools}][/AVAILABLE_TOOLS][INST] "
    assert found.result == '[TOOL_RESULTS] {"content": {result}, "call_id": "{id}"}[/TOOL_RESULTS]'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tool | tojson", "tool.function.name"),
        ("'\\n<tool_response>\\n'", "'\\n<tool_response>\\n' + m.name"),
        ("call.function.arguments | tojson", "call.function.arguments | length"),
        ("m.role == 'tool'", "m.role == 'nobody'"),
        ("tool | tojson", "tool | nonsense"),
    ],
)
def test_tools_that_cannot_be_read_are_none_and_turns_are_read(old: str, new: str) -> None:
    assert old in tiny_tools.QWEN
    if new.endswith("nonsense"):
        new = "tool.__class__.__mro__[1].__subclasses__()"
    found = template_reading.read(tiny_tools.QWEN.replace(old, new), TOKENS)
    assert found.tools is None
    assert found.user.before == "<|im_start|>user\n"
