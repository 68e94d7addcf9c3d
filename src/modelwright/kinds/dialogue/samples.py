"""Dialogues to try the kind with."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.dialogue.value import Dialogue, DialogueTurn

_QUESTION = (DialogueTurn("user", "What is it?"),)
_UNLEARNED = (DialogueTurn("assistant", "Yes?", learned=False), *_QUESTION)
_LONGER = (
    DialogueTurn("system", "Be brief."),
    DialogueTurn("user", "Hello"),
    DialogueTurn("assistant", "Yes?"),
    DialogueTurn("user", "A\n  b"),
)

_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "It", "strict": True}}]
_OFFERED = (
    DialogueTurn(
        "tools",
        '[{"type": "function", "function": {"name": "weather", "description": "It", '
        '"parameters": {"type": "object", "properties": {}}}}]',
    ),
    *_QUESTION,
    DialogueTurn(
        "assistant",
        'I see.\n<tool_call>\n{"name": "weather", "arguments": {"at": "Rome"}}\n</tool_call>'
        '\n<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>',
    ),
    DialogueTurn("tool", "mild"),
    DialogueTurn("tool", ""),
)


def _call(own_id: str, arguments: object) -> dict[str, object]:
    return {"id": own_id, "type": "function", "function": {"name": "weather", "arguments": arguments}}


class DialogueSamples(Samples[Dialogue]):
    """Dialogues in the forms of OpenAI and ShareGPT."""

    def strict(self) -> Sequence[tuple[object, Dialogue]]:
        """Return lists of turns."""
        return [
            ([{"role": "user", "content": " What is it?\r\n"}], _QUESTION),
            ([{"from": "human", "value": "What is it?"}], _QUESTION),
            ([{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}], _QUESTION),
            ([{"role": turn.role, "content": turn.content, "name": None} for turn in _LONGER], _LONGER),
            (
                [
                    {"role": "assistant", "content": "Yes?", "weight": 0},
                    {"role": "user", "content": "What is it?"},
                ],
                _UNLEARNED,
            ),
            (
                [
                    {"role": "tools", "content": _TOOLS},
                    {"role": "user", "content": "What is it?"},
                    {
                        "role": "assistant",
                        "content": "I see.",
                        "tool_calls": [_call("a", '{"at":"Rome"}'), _call("b", {})],
                    },
                    {"role": "tool", "tool_call_id": "b", "content": ""},
                    {"role": "tool", "tool_call_id": "a", "content": "mild"},
                ],
                _OFFERED,
            ),
            (
                [{"role": "assistant", "content": None, "tool_calls": [_call("a", {})]}],
                (
                    DialogueTurn(
                        "assistant", '<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>'
                    ),
                ),
            ),
        ]

    def lenient(self) -> Sequence[tuple[object, Dialogue | None]]:
        """Return cells of tables."""
        return [
            ("What is it?", _QUESTION),
            ('[{"role": "Human", "content": "What is it?"}]', _QUESTION),
            ({"conversations": [{"from": "human", "value": "What is it?"}]}, _QUESTION),
            ("[1] is a note", (DialogueTurn("user", "[1] is a note"),)),
            ("", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what is no list of turns."""
        turns: list[object] = [
            {"role": "user"},
            {"role": "user", "content": ""},
            {"role": "user", "content": [{"type": "image_url"}]},
            {"role": "judge", "content": "Guilty"},
            {"role": 3, "content": "x"},
            {"content": "x"},
            "user",
            None,
        ]
        odd: list[object] = [3, True, [], {}, {"messages": []}, b"x", "[]", "[1]"]
        call = {"role": "assistant", "content": None}
        more: list[object] = [
            [*_QUESTION, {"role": "tools", "content": _TOOLS}],
            [*([{"role": "tools", "content": _TOOLS}] * 2), *_QUESTION],
            [{"role": "tools", "content": _TOOLS}],
            *([{"role": "tools", "content": one}, *_QUESTION] for one in self._no_tools()),
            *([{**call, "tool_calls": one}] for one in ("x", [3], [{"name": ""}], [_call("a", [])])),
            [{**call, "tool_calls": [_call("a", 3)]}],
            [{**call, "tool_calls": [_call("a", {})]}, {"role": "tool", "tool_call_id": "b", "content": "x"}],
        ]
        return [*odd, *([one] for one in turns), *more, [{"role": "user", "content": "x"}] * 1_001]

    def _no_tools(self) -> Sequence[object]:
        """Return what is no list of tools."""
        functions: list[dict[str, object]] = [
            {},
            {"name": "a b"},
            {"name": "a" * 65},
            {"name": "a", "description": 3},
            {"name": "a", "parameters": "x"},
            {"name": "a", "parameters": {"type": "string"}},
            {"name": "a", "parameters": {"title": "x" * 100_000}},
            {"name": "a", "returns": {}},
        ]
        odd = [[{"type": "function", "function": one}] for one in functions]
        many = [{"type": "function", "function": {"name": f"f{one}"}} for one in range(129)]
        return [
            None,
            "[",
            "{}",
            [],
            [3],
            [{"type": "function"}],
            [{"function": {"name": "a"}}],
            *odd,
            many,
            _TOOLS * 2,
        ]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts, and an object around the list."""
        return ["What is it?", {"messages": [{"role": "user", "content": "x"}]}]

    def values(self) -> Sequence[Dialogue | None]:
        """Return some dialogues, one missing."""
        questions = [(DialogueTurn("user", f"How much is {one} and {one}?"),) for one in range(30)]
        return [*questions, None, _LONGER, _QUESTION, _UNLEARNED]
