"""Answers that others gave, in a column or a file, are read as a package's own would be."""

from __future__ import annotations

import pytest

from modelwright.core.signature import Field
from modelwright.outcomes.text_words import laid_out
from modelwright.project.loop.baseline_files import text_of


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("record", '{"b": 1.0, "a": "苹果"}', '{"a": "苹果", "b": 1}'),
        ("record", {"b": 1, "a": [2]}, '{"a": [2], "b": 1}'),
        ("record", "three pens", "three pens"),
        ("record", "[1]", "[1]"),
        ("text", '{"b": 1, "a": 2}', '{"b": 1, "a": 2}'),
        ("text", " as it is ", " as it is "),
    ],
)
def test_equal_answers_are_equal_texts(kind: str, given: object, text: str) -> None:
    assert text_of(Field("order", kind), given) == text


def test_an_object_is_read_a_field_a_line_and_anything_else_as_it_is() -> None:
    assert laid_out('{"a": "苹果"}', is_object=True) == '{\n  "a": "苹果"\n}'
    assert laid_out("{cut", is_object=True) == "{cut"
    assert laid_out('{"a": 1}', is_object=False) == '{"a": 1}'
