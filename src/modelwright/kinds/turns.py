"""Turns of dialogues as data sets write them, and which inputs hold dialogues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwright import kinds
from modelwright.core.messages import ValueProblem, shown
from modelwright.core.signature import Field
from modelwright.kinds.dialogue.value import ASSISTANT, ROLES, SYNONYMS, SYSTEM, TOOL, USER

__all__ = ["ASSISTANT", "SYSTEM", "TOOL", "USER", "is_dialogue", "role"]


def is_dialogue(field: Field) -> bool:
    """Tell whether the values of an input are turns: objects with a role."""
    items: Any = kinds.value(field.kind).schema().get("items")
    return isinstance(items, Mapping) and "role" in items.get("properties", {})


def role(stated: object, place: int) -> str:
    """Return the role that data sets call so; raises ValueProblem for an unknown one, of the turn at `place`."""
    found = SYNONYMS.get(stated.strip().lower()) if isinstance(stated, str) else None
    if found is None:
        raise ValueProblem("value.unknown-role", place=place, shown=shown(stated), known=[*ROLES])
    return found
