"""Spans of a text: where they begin and end, in characters (code points), what they are, and how data writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.shared.strings import canonical

MOST_CHARACTERS = 1_000  # of a label
MOST_PLACE = 100_000  # as many characters as a text may have
# What data sets call them: SQuAD has `answer_start`, spaCy triples, transformers `entity_group`, others positions.
_STARTS = ("start", "answer_start", "begin", "start_position", "start_offset")
_ENDS = ("end", "end_position", "end_offset", "stop")
_LABELS = ("label", "entity", "entity_group", "entity_type", "type", "tag")
_TEXTS = ("text", "entity_value", "value")


@dataclass(frozen=True, order=True)
class TextSpan:
    """The characters from `start` up to and without `end`; text: these, where they are known (no part of equality)."""

    start: int
    end: int
    label: str = ""
    text: str | None = field(default=None, compare=False)

    def to_json(self) -> JsonObject:
        """Return the span as it stands in an answer."""
        found: JsonObject = {"start": self.start, "end": self.end}
        if self.text is not None:
            found["text"] = self.text
        if self.label:
            found["label"] = self.label
        return found

    def within(self, text: str | None) -> TextSpan:
        """Return the span with its characters, where the text is known and holds it."""
        known = text is not None and self.end <= len(text)
        return TextSpan(
            self.start, self.end, self.label, text[self.start : self.end] if known and text else None
        )

    def shown(self) -> str:
        """Return the span for people."""
        place = f"{self.start}–{self.end}"
        what = place if self.text is None else f"{self.text} ({place})"
        return f"{what} {self.label}".strip()


TextSpans = tuple[TextSpan, ...]


def span_schema(*, labelled: bool) -> JsonObject:
    """Return the JSON Schema of one span."""
    place: JsonObject = {"type": "integer", "minimum": 0, "maximum": MOST_PLACE}
    label: JsonObject = {"label": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}}
    wanted: list[Json] = ["start", "end", *(["label"] if labelled else [])]
    return {
        "type": "object",
        "properties": {
            "start": {**place, "description": "the first character; characters count from 0"},
            "end": {**place, "description": "the character behind the last"},
            "text": {"type": "string", "description": "the characters"},
            **(label if labelled else {}),
        },
        "required": wanted,
    }


def read_span(raw: object, place: int, *, labelled: bool) -> TextSpan:
    """Return one span of several; place: which one it is, from 1. Raises ValueProblem.

    It is an object with `start` and `end` (or a text in place of its end) and, where spans are labelled, a `label`, or
    these in a list, in this order.
    """
    if isinstance(raw, TextSpan):
        raw = raw.to_json()
    if isinstance(raw, list | tuple):
        raw = dict(zip(("start", "end", "label"), raw, strict=False))
    if not isinstance(raw, Mapping):
        raise ValueProblem("value.not-a-span", place=place, shown=shown(raw))
    start, end, text = _first(raw, _STARTS), _first(raw, _ENDS), _first(raw, _TEXTS)
    if text is not None and not isinstance(text, str):
        raise ValueProblem("value.not-a-span", place=place, shown=shown(raw))
    if end is None and text is not None and _is_place(start):
        end = cast("int", start) + len(text)
    if not _is_place(start) or not _is_place(end):
        raise ValueProblem("value.not-a-span", place=place, shown=shown(raw))
    begin, behind = cast("int", start), cast("int", end)
    if behind <= begin:
        raise ValueProblem("value.empty-span", place=place, start=begin, end=behind)
    if text is not None:
        _require_whole(text)
    return TextSpan(begin, behind, _label(raw, place) if labelled else "", text)


def read_json(raw: object, *, lenient: bool) -> object:
    """Return what a cell of text holds as JSON, None for a blank; anything else as it is. Raises ValueProblem."""
    if not isinstance(raw, str) or not lenient:
        return raw
    if not raw.strip():
        return None
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError):
        raise ValueProblem("value.not-spans", shown=shown(raw)) from None


def misplaced(spans: Sequence[TextSpan], text: str | None) -> ValueProblem | None:
    """Return why spans are none of a text: they go beyond its end, or their characters are others; None: they are."""
    characters = text or ""
    for span in spans:
        if span.end > len(characters):
            return ValueProblem("value.span-beyond", start=span.start, end=span.end, length=len(characters))
        there = characters[span.start : span.end]
        if span.text is not None and span.text != there:
            return ValueProblem(
                "value.other-span", start=span.start, end=span.end, given=shown(span.text), there=shown(there)
            )
    return None


def stored(spans: TextSpans) -> list[dict[str, object]]:
    """Return spans as Polars stores them."""
    return [vars(span) for span in spans]


def restored(found: Sequence[Mapping[str, Any]]) -> TextSpans:
    """Return the spans of what Polars gives back."""
    return tuple(TextSpan(one["start"], one["end"], one["label"], one["text"]) for one in found)


def _label(raw: Mapping[Any, object], place: int) -> str:
    found = _first(raw, _LABELS)
    if found is None and isinstance(several := raw.get("labels"), list | tuple) and len(several) == 1:
        found = several[0]  # as Label Studio writes them
    label = canonical(found, most_characters=MOST_CHARACTERS) if isinstance(found, str) else ""
    if not label:
        raise ValueProblem("value.span-without-label", place=place, shown=shown(raw))
    return label


def _first(raw: Mapping[Any, object], names: tuple[str, ...]) -> object:
    return next((raw[name] for name in names if raw.get(name) is not None), None)


def _is_place(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MOST_PLACE


def _require_whole(text: str) -> None:
    """Raise ValueProblem for half a character, which no file of UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueProblem("value.half-a-character") from None
