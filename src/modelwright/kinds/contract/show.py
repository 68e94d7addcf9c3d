"""The facet `show`: a value for people, in reports, on screens and in the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Show:
    """Shows values. The defaults suit what reads well as text."""

    def text(self, value: Any) -> str:
        """Return a value as short plain text; a missing one is empty. Who shows it escapes it."""
        return "" if value is None else str(value)

    def example(self, profile: Mapping[str, Any]) -> Any:
        """Return a value, as JSON, that a person could begin from; `profile` is what `Profile` described."""
        return "…"
