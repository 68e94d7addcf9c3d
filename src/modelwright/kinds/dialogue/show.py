"""Dialogues for people."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.show import Show, Widget
from modelwright.kinds.dialogue.value import Dialogue


class DialogueShow(Show[Dialogue]):
    """One turn a line, its role before it."""

    widget: ClassVar[Widget] = "json"

    def text(self, value: Dialogue | None) -> str:
        """Return `user: …` and so on; of a long dialogue its end is what the answer follows."""
        return "" if value is None else "\n".join(f"{turn.role}: {turn.content}" for turn in value)
