"""Texts for people."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.show import Show, Widget

SHOWN = 200  # characters; a document would fill the page


class TextShow(Show[str]):
    """The beginning of the text."""

    widget: ClassVar[Widget] = "paragraph"

    def text(self, value: str | None) -> str:
        """Return the first 200 characters, with `…` where there are more."""
        text = "" if value is None else str(value)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
