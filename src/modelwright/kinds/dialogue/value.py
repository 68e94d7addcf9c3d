"""What a dialogue is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Comparable, Value
from modelwright.kinds.dialogue.called_tools import calls_of, in_order_of_calls
from modelwright.kinds.shared.calling import offered_tools, tool_calls
from modelwright.kinds.shared.numbers import compared_number
from modelwright.kinds.shared.strings import as_written
from modelwright.kinds.turns import ASSISTANT, ROLES, SYNONYMS, TOOL, TOOLS, USER, text_of_parts, unlearned

_LISTS = ("messages", "conversations", "conversation")  # under which a list of turns may lie
_WHO, _WHAT = ("role", "from"), ("content", "value")
MOST_TURNS = 1_000


class DialogueTurn(NamedTuple):
    """What one side says: its role, one of ROLES, and a text with its line breaks.

    Calls of the assistant stand behind what it says, as `tool_calls` writes them; a turn of the role `tools` is the
    first, and holds them as JSON. learned: whether what an assistant says here is to be learned from.
    """

    role: str
    content: str
    learned: bool = True


Dialogue = tuple[DialogueTurn, ...]


class DialogueValue(Value[Dialogue]):
    """Turns in order, at least one: a tuple of (role, content, whether it is learned)."""

    name: ClassVar[str] = "dialogue"
    summary: ClassVar[str] = "turns with roles: what a user, an assistant, the system and tools say"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("messages", "chat", "conversation", "conversations")
    operators: ClassVar[frozenset[str]] = ORDER
    most_characters: ClassVar[int] = 400_000

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a list of turns."""
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_TURNS,
            "items": {
                "type": "object",
                "properties": {
                    "role": {"type": "string", "enum": [*ROLES]},
                    "content": {"type": "string", "maxLength": self.most_characters},
                },
                "required": ["role", "content"],
            },
            "description": "What was said so far, as `{role, content}` in order; "
            "of an assistant `tool_calls` are read, too.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> Dialogue | None:
        """Return the turns of a list of them: `{role, content}`, or ShareGPT's `{from, value}`.

        A turn may be empty, as clients send them, and as an answer may be that is sent back, where another one is not;
        so may the arguments of a call be cut. Data is read leniently: there it is a fault of its row.

        Lenient also takes an object with such a list under `messages` or `conversations`, the JSON of either as a text,
        and any other text as what the user says.
        """
        if raw is None:
            return None
        if lenient and isinstance(raw, str):
            if not raw.strip():
                return None
            raw = _of_text(raw)
        if lenient and isinstance(raw, Mapping):
            raw = next((raw[name] for name in _LISTS if raw.get(name) is not None), raw)
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-a-dialogue", shown=shown(raw))
        if not raw:
            raise ValueProblem("value.no-turns")
        if len(raw) > MOST_TURNS:
            raise ValueProblem("value.too-many-turns", count=len(raw), most=MOST_TURNS)
        first = 0 if _role(raw[0]) == TOOLS else 1  # the turn of tools is counted by nobody
        read = [self._turn(one, place, is_data=lenient) for place, one in enumerate(raw, first)]
        if not any(one.content for one in read):
            raise ValueProblem("value.turn-without-text", place=len(read) - 1 + first, role=read[-1].role)
        if len(read) == 1 and read[0].role == TOOLS:
            raise ValueProblem("value.tools-behind", place=1)
        order = in_order_of_calls([turn.role for turn in read], raw, first)
        turns = tuple(read[place] for place in order)
        if (length := sum(len(one.content) for one in turns)) > self.most_characters:
            raise ValueProblem("value.too-long", most=self.most_characters, length=length)
        return turns

    def _turn(self, raw: object, place: int, *, is_data: bool) -> DialogueTurn:
        if isinstance(raw, DialogueTurn):
            raw = _as_json(raw)
        if not isinstance(raw, Mapping):
            raise ValueProblem("value.not-a-turn", place=place, shown=shown(raw))
        role, text = _role(raw), _first(raw, _WHAT)
        if role is None:
            who = shown(_first(raw, _WHO))
            raise ValueProblem("value.unknown-role", place=place, shown=who, known=[*ROLES])
        if role == TOOLS:
            if place > 0:
                raise ValueProblem("value.tools-behind", place=place)
            return DialogueTurn(role, offered_tools.text_of(offered_tools.tools_of(text)))
        calls = calls_of(raw.get("tool_calls"), place, may_be_cut=not is_data) if role == ASSISTANT else ()
        if text is None and (calls or (role == ASSISTANT and not is_data)):
            text = ""
        if isinstance(text, list):  # OpenAI's form of a content in parts, of which texts are read
            text = text_of_parts(text)
        if not isinstance(text, str):
            raise ValueProblem("value.turn-without-text", place=place, role=role)
        content = as_written(tool_calls.with_calls(text.strip(), calls), most_characters=self.most_characters)
        if not content and role != TOOL and is_data:  # what a tool answers may be empty
            raise ValueProblem("value.turn-without-text", place=place, role=role)
        return DialogueTurn(role, content, role != ASSISTANT or unlearned(raw) is None)

    def to_json(self, value: Dialogue) -> Json:
        """Return the list of turns."""
        return [_as_json(turn) for turn in value]

    def size(self, value: Dialogue) -> int:
        """Return the number of characters."""
        return sum(len(turn.content) for turn in value)

    def comparable(self, value: Dialogue) -> float:
        """Return the number of turns, which a slice compares."""
        return float(len(value))

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return a number of turns; raises ValueProblem for anything else."""
        return compared_number(written)


def _as_json(turn: DialogueTurn) -> dict[str, Json]:
    """Return a turn as OpenAI's messages have it, which name by its weight what is not learned."""
    return {"role": turn.role, "content": turn.content, **({} if turn.learned else {"weight": 0})}


def _role(raw: object) -> str | None:
    """Return who speaks in a turn, None where that is not known."""
    if isinstance(raw, DialogueTurn):
        return raw.role
    who = _first(raw, _WHO) if isinstance(raw, Mapping) else None
    return SYNONYMS.get(who.strip().lower()) if isinstance(who, str) else None


def _of_text(text: str) -> object:
    """Return what a text holds: the JSON of a list or an object; any other is what the user says."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return [{"role": USER, "content": text}]


def _first(raw: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((raw[name] for name in names if raw.get(name) is not None), None)
