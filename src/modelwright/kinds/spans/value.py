"""What labelled spans are."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import MEMBERS, Comparable, Value
from modelwright.kinds.shared.lists import text_spans
from modelwright.kinds.shared.lists.text_spans import TextSpans
from modelwright.kinds.shared.strings import canonical

MOST_SPANS = 1_000  # of one text


class SpansValue(Value[TextSpans]):
    """Labelled spans in the order of the text, none of which overlaps another; none at all is a value, too."""

    name: ClassVar[str] = "spans"
    summary: ClassVar[str] = (
        "labelled places in a text, which do not overlap: people, places, account numbers"
    )
    roles: ClassVar[frozenset[Role]] = frozenset({Role.OUTPUT})
    family: ClassVar[str | None] = "entities"
    in_text: ClassVar[bool] = True
    operators: ClassVar[frozenset[str]] = MEMBERS
    synonyms: ClassVar[tuple[str, ...]] = ("entities", "ner", "entity", "tokens")
    empty_cell: ClassVar[str | None] = "[]"

    def schema(self) -> JsonObject:
        """Return the JSON Schema of labelled spans."""
        return {
            "type": "array",
            "items": text_spans.span_schema(labelled=True),
            "maxItems": MOST_SPANS,
            "description": "Spans of the text in characters (code points), none of which overlaps another.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> TextSpans | None:
        """Return the spans of a list of `{start, end, label}`; lenient also of its JSON as a text.

        Equal ones count once. Spans that overlap are refused: a text has one label at each place.
        """
        raw = text_spans.read_json(raw, lenient=lenient)
        if raw is None:
            return None
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-spans", shown=shown(raw))
        if len(raw) > MOST_SPANS:
            raise ValueProblem("value.too-many-spans", most=MOST_SPANS, count=len(raw))
        found = {text_spans.read_span(one, place, labelled=True): None for place, one in enumerate(raw, 1)}
        spans = tuple(sorted(found))
        for one, other in pairwise(spans):
            if other.start < one.end:
                raise ValueProblem("value.overlapping-spans", one=one.shown(), other=other.shown())
        return spans

    def to_json(self, value: TextSpans) -> Json:
        """Return the spans as objects."""
        return [span.to_json() for span in value]

    def misplaced(self, value: TextSpans, text: str | None) -> ValueProblem | None:
        """Return why the spans are none of a text."""
        return text_spans.misplaced(value, text)

    def labels(self, value: TextSpans) -> tuple[str, ...]:
        """Return the labels that occur, sorted."""
        return tuple(sorted({span.label for span in value}))

    def comparable(self, value: TextSpans) -> Comparable:
        """Return the labels that occur."""
        return frozenset(span.label for span in value)

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the one label that spans are asked for."""
        if not isinstance(written, str) or not written.strip():
            raise ValueProblem("value.not-a-text", shown=shown(written))
        return canonical(written, most_characters=text_spans.MOST_CHARACTERS)
