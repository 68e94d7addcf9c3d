"""Dialogues that an earlier version stored are read as they were meant."""

from __future__ import annotations

import polars as pl

from modelwright.kinds.dialogue.column import DialogueColumn
from modelwright.kinds.dialogue.value import DialogueTurn


def test_turns_that_were_stored_before_they_could_be_marked_are_learned() -> None:
    stored = pl.Series("messages", [[{"role": "user", "content": "One?"}], None])
    assert DialogueColumn().values(stored) == [(DialogueTurn("user", "One?"),), None]
