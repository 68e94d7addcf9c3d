"""Two tools, and the texts of a template that has tools, for the tests of calling."""

from __future__ import annotations

from typing import Any

# As Hermes and Qwen have them: an object between two marks.
HERMES: dict[str, Any] = {
    "opening": "<|im_start|>system\nYou help.",
    "system_before": "<|im_start|>system\n",
    "user": "\nTools:\n{tools}\nCall them.<|im_end|>\n<|im_start|>user\n",
    "call": '<tool_call>\n{"name": "{name}", "arguments": {arguments}}\n</tool_call>',
    "calls_after": "<|im_end|>\n",
    "results_before": "<|im_start|>user",
    "result": "\n<tool_response>\n{result}\n</tool_response>",
    "results_after": "<|im_end|>\n",
}
PARAMETERS: dict[str, Any] = {
    "weather": {
        "type": "object",
        "properties": {
            "city": {"$ref": "#/$defs/City"},
            "days": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "required": ["city", "days"],
        "$defs": {"City": {"enum": ["Rome", "Oslo"]}},
    },
    "now": {"type": "object", "properties": {}},
}


def tool(name: str, parameters: object = None) -> dict[str, Any]:
    """Return a tool as the OpenAI protocol has it."""
    more = {} if parameters is None else {"parameters": parameters}
    return {"type": "function", "function": {"name": name, "description": "It tells.", **more}}


def named(name: str) -> dict[str, Any]:
    """Return the `tool_choice` of one tool."""
    return {"type": "function", "function": {"name": name}}


TOOLS = [tool(name, parameters) for name, parameters in PARAMETERS.items()]
