"""What is worth knowing of a column of dialogues."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile


class DialogueProfile(Profile):
    """How many turns they have, and how many characters."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return the middle and the most of turns and of characters."""
        turns = values.list.len()
        contents = values.list.eval(pl.element().struct.field("content").str.len_chars())
        characters = contents.list.sum()
        return {
            "turns": {"median": _number(turns.median()), "most": _number(turns.max())},
            "characters": {"median": _number(characters.median()), "most": _number(characters.max())},
        }


def _number(found: object) -> float:
    assert isinstance(found, int | float), "there is at least one value"
    return float(found)
