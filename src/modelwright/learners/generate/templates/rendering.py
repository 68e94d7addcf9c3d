"""Renders a chat template, in a sandbox and in a process of its own with bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners import own_process

MOST_S = 20.0
MOST_CHARACTERS = 100_000
_MOST_BYTES = 1 << 30  # of memory, where the system can bound it: a sandbox stops no `'x' * 10**11`

_RENDER = """
import contextlib, json, sys
with contextlib.suppress(ImportError, ValueError):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
from jinja2 import TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
def refuse(message):
    raise ValueError(message)
def as_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
given = json.loads(open(sys.argv[1], encoding="utf-8").read())
sandbox = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
sandbox.globals["raise_exception"] = refuse
sandbox.filters["tojson"] = as_json
names = meta.find_undeclared_variables(sandbox.parse(given["template"]))
template = sandbox.from_string(given["template"])
found = []
for dialogue in given["dialogues"]:
    messages, tools = dialogue["messages"], dialogue["tools"]
    if tools and "tools" not in names:
        found += [None, None]
        continue
    for prompt in (False, True):
        try:
            text = template.render(
                messages=messages, add_generation_prompt=prompt, tools=tools, **given["tokens"]
            )
        except ValueError as error:
            if len(messages) == 1 and not tools:
                raise
            text = None
        except (TemplateError, TypeError, AttributeError):
            if not dialogue["may_fail"]:
                raise
            text = None
        found.append(text)
answer = {"has_tools": "tools" in names, "texts": found}
open(sys.argv[2], "w", encoding="utf-8").write(json.dumps(answer))
"""


@dataclass(frozen=True)
class Rendered:
    """What dialogues are rendered as, each without and with what stands before an answer; None: it is refused."""

    texts: Sequence[str | None]
    has_tools: bool


def dialogue(messages: Sequence[Mapping[str, Any]], tools: Sequence[object] | None = None) -> dict[str, Any]:
    """Return a dialogue to render; one with tools or calls may fail."""
    calls = any("tool_calls" in one for one in messages)
    return {"messages": messages, "tools": tools, "may_fail": bool(tools) or calls}


def rendered(template: str, tokens: Mapping[str, str], dialogues: Sequence[Mapping[str, Any]]) -> Rendered:
    """Return the texts of dialogues; raises ProjectError for a template that fails, or takes too long."""
    if len(template) > MOST_CHARACTERS:
        raise unlike(f"it has {len(template):,} characters, and at most {MOST_CHARACTERS:,} are read")
    given = {"template": template, "tokens": dict(tokens), "dialogues": dialogues}
    with tempfile.TemporaryDirectory() as folder:
        given_file, answer = Path(folder) / "given.json", Path(folder) / "rendered.json"
        given_file.write_text(json.dumps(given), encoding="utf-8")
        try:
            reason = own_process.failure(
                _RENDER.replace("MOST_BYTES", str(_MOST_BYTES)), str(given_file), str(answer), most_s=MOST_S
            )
        except subprocess.TimeoutExpired:
            raise unlike(f"it takes more than {MOST_S:g} s") from None
        if reason is not None:
            raise unlike(reason)
        found = json.loads(answer.read_text(encoding="utf-8"))
    return Rendered(found["texts"], found["has_tools"])


def unlike(reason: str) -> ProjectError:
    """Return the error of a template that cannot be taken apart."""
    return ProjectError(Problem("generate.template", reason=reason).at("model.template"))
