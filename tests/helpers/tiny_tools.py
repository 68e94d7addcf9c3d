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

# Templates of our own, in the forms that published weights have.
QWEN = """
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- else %}{{- 'You help.' }}{%- endif %}
{{- '\\n\\nTools:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\\n</tools>\\nCall them.<|im_end|>\\n' }}
{%- elif messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{%- endif %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'system' and not loop.first) or (m.role == 'assistant' and not m.tool_calls) %}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}
{%- elif m.role == 'assistant' %}
{{- '<|im_start|>' + m.role }}{%- if m.content %}{{- '\\n' + m.content }}{%- endif %}
{%- for call in m.tool_calls %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}{{- call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}{{- '<|im_end|>\\n' }}
{%- elif m.role == 'tool' %}
{%- if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
{{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
# Tools before the first turn of the user, one call alone, known by its object; results as JSON texts.
LLAMA = """
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}{%- set said = messages[0]['content'] | trim %}{%- set rest = messages[1:] %}
{%- else %}{%- set said = '' %}{%- set rest = messages %}{%- endif %}
{{- '<|system|>\\n' }}{%- if tools %}{{- 'Mode: tools\\n' }}{%- endif %}{{- said + '<|end|>' }}
{%- if tools %}
{{- '<|user|>\\nAnswer with a call.\\n\\n' }}
{%- for tool in tools %}{{- tool | tojson(indent=4) }}{{- '\\n\\n' }}{%- endfor %}
{{- rest[0]['content'] | trim + '<|end|>' }}{%- set rest = rest[1:] %}
{%- endif %}
{%- for m in rest %}
{%- if m.tool_calls %}
{%- if m.tool_calls | length != 1 %}{{- raise_exception('one call alone') }}{%- endif %}
{{- '<|assistant|>\\n{"name": "' + m.tool_calls[0].function.name + '", "parameters": ' }}
{{- m.tool_calls[0].function.arguments | tojson }}{{- '}<|end|>' }}
{%- elif m.role == 'tool' %}{{- '<|tool|>\\n' }}{{- m.content | tojson }}{{- '<|end|>' }}
{%- else %}{{- '<|' + m.role + '|>\\n' + m.content | trim + '<|end|>' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}
"""
# Tools before the last turn of the user, calls in a list and with ids, no system.
MISTRAL = """
{{- bos_token }}
{%- set users = messages | selectattr('role', 'equalto', 'user') | list %}
{%- for m in messages %}
{%- if m.role == 'user' %}
{%- if tools and m == users[-1] %}{{- '[AVAILABLE_TOOLS] [' }}
{%- for tool in tools %}{{- tool | tojson }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}
{{- '][/AVAILABLE_TOOLS]' }}{%- endif %}
{{- '[INST] ' + m.content + '[/INST]' }}
{%- elif m.tool_calls %}{{- '[TOOL_CALLS] [' }}
{%- for call in m.tool_calls %}
{{- '{"name": "' + call.function.name + '", "arguments": ' }}{{- call.function.arguments | tojson }}
{%- if call.id | length != 9 %}{{- raise_exception('an id has nine letters') }}{%- endif %}
{{- ', "id": "' + call.id + '"}' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}
{%- endfor %}{{- ']' + eos_token }}
{%- elif m.role == 'assistant' %}{{- ' ' + m.content + eos_token }}
{%- elif m.role == 'tool' %}
{{- '[TOOL_RESULTS] {"content": ' + m.content + ', "call_id": "' + m.tool_call_id + '"}[/TOOL_RESULTS]' }}
{%- else %}{{- raise_exception('no such role') }}{%- endif %}
{%- endfor %}
"""

MISTRAL_TEXTS = {
    "user": "{tools}",
    "call": '{"name": "{name}", "arguments": {arguments}, "id": "{id}"}',
    "calls_before": "[TOOL_CALLS] [",
    "calls_joint": ", ",
    "calls_after": "]</s>",
}
