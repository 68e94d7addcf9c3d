"""Turns of dialogues as data sets write them, and which inputs hold dialogues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelwright import kinds
from modelwright.core.messages import ValueProblem, shown
from modelwright.core.signature import Field

SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"
TOOLS = "tools"  # whose turn is the first, and holds what the assistant may call, as JSON
ROLES = (TOOLS, SYSTEM, USER, ASSISTANT, TOOL)
# What else data sets call them: ShareGPT has `human` and `gpt`, Gemma `model`, OpenAI `developer` for newer models.
SYNONYMS: Mapping[str, str] = {
    **{role: role for role in ROLES},
    "human": USER,
    "prompter": USER,
    "gpt": ASSISTANT,
    "bot": ASSISTANT,
    "model": ASSISTANT,
    "chatgpt": ASSISTANT,
    "developer": SYSTEM,
    "function_call": ASSISTANT,
    "tool_call": ASSISTANT,
    "function": TOOL,
    "tool_response": TOOL,
    "observation": TOOL,
}


def is_dialogue(field: Field) -> bool:
    """Tell whether the values of an input are turns: objects with a role."""
    items: Any = kinds.value(field.kind).schema().get("items")
    return isinstance(items, Mapping) and "role" in items.get("properties", {})


# How turns say that they are not to be learned: OpenAI's `weight: 0`, `training: false` of Axolotl, `loss` of Swift.
_MARKS = ("weight", "loss_weight", "train", "training", "loss")


def unlearned(turn: Mapping[str, object]) -> str | None:
    """Return by which mark an assistant's turn is not to be learned, as `weight: 0`; None where it is."""
    found = next((one for one in _MARKS if isinstance(turn.get(one), int | float) and not turn[one]), None)
    return None if found is None else f"{found}: {'false' if turn[found] is False else 0}"


def text_of_parts(parts: Sequence[object]) -> str | None:
    """Return the text of a content in parts, as OpenAI's protocol has it; None where a part is no text.

    A refusal is what an assistant has said; a part may be the text itself, and may be empty.
    """
    texts = [
        one
        if isinstance(one, str)
        else one.get("text", one.get("refusal"))
        if isinstance(one, Mapping)
        else None
        for one in parts
    ]
    return "\n".join(filter(None, texts)) if all(isinstance(one, str) for one in texts) else None


def role(stated: object, place: int) -> str:
    """Return the role that data sets call so; raises ValueProblem for an unknown one, of the turn at `place`."""
    found = SYNONYMS.get(stated.strip().lower()) if isinstance(stated, str) else None
    if found is None:
        raise ValueProblem("value.unknown-role", place=place, shown=shown(stated), known=[*ROLES])
    return found
