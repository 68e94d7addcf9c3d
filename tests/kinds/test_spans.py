"""Places in a text: what is read of data, and which places are none of a text."""

from __future__ import annotations

import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.settled_cells import SettledCells, SettledReader
from modelwright.kinds.shared.lists.text_spans import TextSpan, misplaced

SPANS = kinds.value("spans")


def span(start, end, label="person", **more):
    return {"start": start, "end": end, "label": label, **more}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ([span(2, 2)], "value.empty-span"),
        ([span(4, 2)], "value.empty-span"),
        ([span(0, 4), span(3, 6)], "value.overlapping-spans"),
        ([span(0, 9), span(3, 6)], "value.overlapping-spans"),
        ([span(0, 4, None)], "value.span-without-label"),
        ([{"start": 0, "end": 4, "labels": ["a", "b"]}], "value.span-without-label"),
        ([{"start": 0, "end": 4, "labels": []}], "value.span-without-label"),
        ([span("0", 4)], "value.not-a-span"),
        ({"spans": []}, "value.not-spans"),
    ],
)
def test_what_is_no_place_is_refused_by_name(raw, problem):
    with pytest.raises(ValueProblem) as refused:
        SPANS.parse(raw)
    assert refused.value.message.id == problem


def test_a_label_may_stand_alone_in_a_list():
    assert SPANS.parse([{"start": 0, "end": 4, "labels": ["person"]}]) == SPANS.parse([span(0, 4)])


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("Anna", TextSpan(0, 4), None),
        ("Anna", TextSpan(0, 5), "value.span-beyond"),
        ("Anna", TextSpan(0, 4, text="Anne"), "value.other-span"),
        (None, TextSpan(0, 1), "value.span-beyond"),
        # code points: a smile is one, a letter with a combining accent two
        ("\U0001f600 Anna", TextSpan(2, 6, text="Anna"), None),
        ("e\u0301 Anna", TextSpan(3, 7, text="Anna"), None),
        ("住在北京的人", TextSpan(2, 4, text="北京"), None),
    ],
)
def test_a_place_is_one_of_its_text(text, place, problem):
    found = misplaced([place], text)
    assert (None if found is None else found.message.id) == problem


def test_texts_keep_their_characters_where_places_in_them_are_answered():
    given = "  Ann\u0061  e\u0301\r\n"
    kind = kinds.value("text")
    plain, exact = SettledReader(kind), SettledReader(kind, SettledCells(exact=True))
    assert plain.json(given) == "Anna \u00e9"
    assert exact.json(given) == exact.cell(given) == given
    assert exact.json("  ") is None
    for wrong in ("\udfff", "x" * 100_001):
        with pytest.raises(ValueProblem):
            exact.json(wrong)
    (options,) = SettledCells(exact=True).options()
    assert options == CellOptions(exact=True)
