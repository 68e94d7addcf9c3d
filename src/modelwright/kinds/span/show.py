"""A span for people."""

from __future__ import annotations

from modelwright.kinds.contract.show import Show
from modelwright.kinds.shared.lists.text_spans import TextSpans


class SpanShow(Show[TextSpans]):
    """The characters with their place; several with a stroke between them; none as ∅."""

    def text(self, value: TextSpans | None) -> str:
        """Return each span with its place."""
        if value is None:
            return ""
        return " | ".join(span.shown() for span in value) or "∅"
