"""The facet `show`: a value for people, in reports, on screens and in the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from modelwright.core.json_types import Json

V = TypeVar("V")  # the type of a canonical value


class Show(Generic[V]):
    """Shows values. These defaults suit what reads well as text; a kind without the facet has them."""

    def text(self, value: V | None) -> str:
        """Return a canonical value as short plain text; a missing one is empty. Who shows it escapes it."""
        return "" if value is None else str(value)

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return a value, as JSON, that a person could begin from.

        profile: what the kind's `Profile` described; empty where none is known, as in a server.
        """
        return "…"
