"""What a span is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import EQUALITY, ORDER, Comparable, Value
from modelwright.kinds.shared.lists import text_spans
from modelwright.kinds.shared.lists.text_spans import TextSpans
from modelwright.kinds.shared.numbers import compared_number

MOST_SPANS = 100  # that are right for one question


class SpanValue(Value[TextSpans]):
    """The spans that answer a question, in the order of the text: as a truth all that are right, as an answer one.

    None at all is a value: the text holds no answer. Missing is something else: whether it holds one is not known.
    """

    name: ClassVar[str] = "span"
    summary: ClassVar[str] = "the place in a text that answers; a truth may have several, or none"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.OUTPUT})
    family: ClassVar[str | None] = "reading"
    in_text: ClassVar[bool] = True
    operators: ClassVar[frozenset[str]] = EQUALITY | ORDER
    synonyms: ClassVar[tuple[str, ...]] = ("extract", "answer", "place")
    empty_cell: ClassVar[str | None] = "[]"

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a span."""
        one = text_spans.span_schema(labelled=False)
        return {
            "anyOf": [one, {"type": "array", "items": one, "maxItems": MOST_SPANS}],
            "description": "Characters (code points) of the text; of a truth that several are, these; [] for none.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> TextSpans | None:
        """Return the spans of `{start, end}`, of a list of those, or of SQuAD's `{text: […], answer_start: […]}`.

        Lenient also reads the JSON of these in a text. Equal ones count once.
        """
        raw = text_spans.read_json(raw, lenient=lenient)
        if raw is None:
            return None
        if isinstance(raw, Mapping):
            raw = _of_squad(raw)
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-spans", shown=shown(raw))
        if len(raw) > MOST_SPANS:
            raise ValueProblem("value.too-many-spans", most=MOST_SPANS, count=len(raw))
        found = {text_spans.read_span(one, place, labelled=False): None for place, one in enumerate(raw, 1)}
        return tuple(sorted(found))

    def to_json(self, value: TextSpans) -> Json:
        """Return the span as an object; several, and none, as a list."""
        return value[0].to_json() if len(value) == 1 else [span.to_json() for span in value]

    def misplaced(self, value: TextSpans, text: str | None) -> ValueProblem | None:
        """Return why the spans are none of a text."""
        return text_spans.misplaced(value, text)

    def comparable(self, value: TextSpans) -> Comparable:
        """Return how many spans are right: 0 where the text holds no answer."""
        return float(len(value))

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return a number of spans; raises ValueProblem for anything else."""
        return compared_number(written)


def _of_squad(raw: Mapping[object, object]) -> object:
    """Return an object as a list of spans: SQuAD has lists of texts and of starts, side by side."""
    starts, texts = raw.get("answer_start"), raw.get("text")
    if not isinstance(starts, list | tuple) or not isinstance(texts, list | tuple):
        return [raw]
    if len(starts) != len(texts):
        raise ValueProblem("value.not-spans", shown=shown(raw))
    return [{"start": start, "text": text} for start, text in zip(starts, texts, strict=True)]
