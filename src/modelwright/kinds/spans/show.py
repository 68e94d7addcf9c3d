"""Labelled spans for people."""

from __future__ import annotations

from modelwright.kinds.contract.show import Show
from modelwright.kinds.shared.lists.text_spans import TextSpans


class SpansShow(Show[TextSpans]):
    """The spans with commas between them; none as ∅, so that it is not taken for a missing value."""

    def text(self, value: TextSpans | None) -> str:
        """Return each span with its place and its label."""
        if value is None:
            return ""
        return ", ".join(span.shown() for span in value) or "∅"
