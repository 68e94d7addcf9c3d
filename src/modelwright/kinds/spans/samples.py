"""Labelled spans to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.shared.lists.text_spans import TextSpan, TextSpans

_ONE = (TextSpan(0, 4, "person"),)
_TWO = (TextSpan(0, 4, "person"), TextSpan(5, 7, "地点"))


class SpansSamples(Samples[TextSpans]):
    """Spans in the forms of several libraries, none among them."""

    def strict(self) -> Sequence[tuple[object, TextSpans]]:
        """Return lists of objects and of triples."""
        return [
            ([{"start": 0, "end": 4, "label": "person"}], _ONE),
            ([{"start": 0, "end": 4, "label": " person ", "text": "Anna"}], _ONE),
            ([{"start": 0, "text": "Anna", "entity_group": "person"}], _ONE),
            ([[5, 7, "地点"], [0, 4, "person"], [0, 4, "person"]], _TWO),
            ([{"start_position": 0, "end_position": 4, "entity_type": "person"}], _ONE),
            ([], ()),
        ]

    def lenient(self) -> Sequence[tuple[object, TextSpans | None]]:
        """Return cells of text."""
        return [
            ('[{"start": 0, "end": 4, "label": "person"}]', _ONE),
            ("[]", ()),
            ("", None),
            (" \n", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what is no list of spans, and spans that are empty, run backwards, overlap or have no label."""
        one = {"start": 0, "end": 4, "label": "person"}
        wrong: list[object] = [
            {**one, "end": 0},
            {**one, "start": 9},
            {**one, "start": -1},
            {**one, "start": 0.5},
            {**one, "end": True},
            {**one, "end": 10**9},
            {**one, "label": " "},
            {**one, "label": 3},
            {**one, "text": 3},
            {**one, "text": "\udfff"},
            {"label": "person"},
            [0, 4],
            [],
            "person",
            None,
        ]
        odd: list[object] = [1, True, math.nan, {"a": 1}, b"a", "person", [one] * 1_001]
        return [*odd, *([each] for each in wrong), [one, {"start": 3, "end": 5, "label": "place"}]]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["[]"]

    def values(self) -> Sequence[TextSpans | None]:
        """Return a few lists of spans many times, some missing, some empty."""
        return [_ONE, _TWO, None, (), (TextSpan(2, 3, "地点"),), _ONE] * 6
