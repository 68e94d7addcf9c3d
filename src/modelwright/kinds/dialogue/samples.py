"""Dialogues to try the kind with."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.dialogue.value import Dialogue, DialogueTurn

_QUESTION = (DialogueTurn("user", "What is it?"),)
_LONGER = (
    DialogueTurn("system", "Be brief."),
    DialogueTurn("user", "Hello"),
    DialogueTurn("assistant", "Yes?"),
    DialogueTurn("user", "A\n  b"),
)


class DialogueSamples(Samples[Dialogue]):
    """Dialogues in the forms of OpenAI and ShareGPT."""

    def strict(self) -> Sequence[tuple[object, Dialogue]]:
        """Return lists of turns."""
        return [
            ([{"role": "user", "content": " What is it?\r\n"}], _QUESTION),
            ([{"from": "human", "value": "What is it?"}], _QUESTION),
            ([{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}], _QUESTION),
            ([{"role": turn.role, "content": turn.content, "name": None} for turn in _LONGER], _LONGER),
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
        return [*odd, *([one] for one in turns), [{"role": "user", "content": "x"}] * 1_001]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts, and an object around the list."""
        return ["What is it?", {"messages": [{"role": "user", "content": "x"}]}]

    def values(self) -> Sequence[Dialogue | None]:
        """Return some dialogues, one missing."""
        questions = [(DialogueTurn("user", f"How much is {one} and {one}?"),) for one in range(30)]
        return [*questions, None, _LONGER, _QUESTION]
