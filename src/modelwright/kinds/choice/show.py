"""Choices for people."""

from __future__ import annotations

from modelwright.kinds.contract.show import Show


class ChoiceShow(Show[frozenset[str]]):
    """The ids with commas between them."""

    def text(self, value: frozenset[str] | None) -> str:
        """Return the ids, sorted."""
        return "" if value is None else ", ".join(sorted(value))
