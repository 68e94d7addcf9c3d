"""The facet `show`: a value for people, in reports, on screens and in the form of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Generic, Literal, TypeAlias, TypeVar, cast

from modelwright.core.json_types import Json
from modelwright.core.picture import Picture

V = TypeVar("V")  # the type of a canonical value
Widget: TypeAlias = Literal["choice", "number", "switch", "set", "moment", "paragraph", "json"]
"""How a form takes a value: one of known names, a number, true or false, several of known names, a date, a text that
may be long; or JSON as it is, for kinds of which it knows no more."""


class Show(Generic[V]):
    """Shows values. These defaults suit what reads well as text; a kind without the facet has them."""

    def text(self, value: V | None) -> str:
        """Return a canonical value as short plain text; a missing one is empty. Who shows it escapes it."""
        return "" if value is None else str(value)

    def picture(self, value: V) -> Picture | None:
        """Return a small picture of a value (a thumbnail, a waveform, a curve), at most 96 pixels high.

        None, the default, of what reads well as text, and of a value of which there is none. The same value gives
        the same bytes.
        """
        return None

    widget: ClassVar[Widget] = "json"

    def example(self, profile: Mapping[str, Json]) -> Json:
        """Return a typical value, as JSON, that a person could begin from; None where none is (a text).

        profile: what the kind's `Profile` described; empty where nothing is known.
        """
        return None

    def end(self, value: str | float) -> str:
        """Return an end of where most values lie as short plain text; value: one of the profile's `quantiles`.

        The default takes it for a value of the kind; a kind whose quantiles are of something else overrides it.
        """
        return self.text(cast("V", value))
