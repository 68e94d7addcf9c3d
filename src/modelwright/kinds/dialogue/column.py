"""Columns of the kind `dialogue`."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.contract.column import Column
from modelwright.kinds.dialogue.value import Dialogue, DialogueTurn, DialogueValue


class DialogueColumn(Column[Dialogue]):
    """A column of lists of `{role, content}`, each with whether it is learned."""

    of: ClassVar[DialogueValue] = DialogueValue()

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        return pl.List(pl.Struct({"role": pl.String, "content": pl.String, "learned": pl.Boolean}))

    def store(self, value: Dialogue) -> object:
        """Return the turns as objects."""
        return [turn._asdict() for turn in value]

    def restore(self, stored: Any) -> Dialogue:
        """Return the turns of stored objects; all are learned of those that an earlier version stored."""
        return tuple(DialogueTurn(one["role"], one["content"], one.get("learned", True)) for one in stored)
