"""Spans to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.shared.lists.text_spans import TextSpan, TextSpans

_ONE = (TextSpan(0, 4),)
_TWO = (TextSpan(0, 4), TextSpan(2, 7))


class SpanSamples(Samples[TextSpans]):
    """Spans in the forms of SQuAD and others, none among them."""

    def strict(self) -> Sequence[tuple[object, TextSpans]]:
        """Return objects and lists of them."""
        return [
            ({"start": 0, "end": 4}, _ONE),
            ({"start": 0, "end": 4, "text": "Anna"}, _ONE),
            ({"text": "Anna", "answer_start": 0}, _ONE),
            ({"text": ["Anna", "Anna"], "answer_start": [0, 0]}, _ONE),
            ([{"text": "nnam ", "answer_start": 2}, {"text": "Anna", "answer_start": 0}], _TWO),
            ([[0, 4]], _ONE),
            ({"text": [], "answer_start": []}, ()),
            ([], ()),
        ]

    def lenient(self) -> Sequence[tuple[object, TextSpans | None]]:
        """Return cells of text."""
        return [('{"start": 0, "end": 4}', _ONE), ("[]", ()), ("", None), (" \n", None)]

    def refused(self) -> Sequence[object]:
        """Return what is no span, and spans that are empty or run backwards."""
        one = {"start": 0, "end": 4}
        wrong: list[object] = [
            {**one, "end": 0},
            {**one, "start": -1},
            {**one, "start": 0.5},
            {**one, "end": True},
            {**one, "end": 10**9},
            {**one, "text": 3},
            {**one, "text": "\udfff"},
            {"text": "Anna"},
            {"text": ["Anna"], "answer_start": []},
            {"text": ["Anna"], "answer_start": 0},
            {},
        ]
        odd: list[object] = [1, True, math.nan, b"a", "Anna", [None], ["Anna"], [one] * 101]
        return [*odd, *wrong, *([each] for each in wrong)]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["[]"]

    def values(self) -> Sequence[TextSpans | None]:
        """Return a few spans many times, some missing, some of texts without an answer."""
        return [_ONE, _TWO, None, (), (TextSpan(2, 3),), _ONE] * 6
