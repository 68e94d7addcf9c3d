"""Any value is quoted in a message: short, and by what it is."""

from __future__ import annotations

import pytest

from modelwright.core.messages.shown import MOST_CHARACTERS, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        ("", "an empty text"),
        ("abc", "the text 'abc'"),
        ("it's", 'the text "it\'s"'),
        ("a" * MOST_CHARACTERS, f"the text '{'a' * MOST_CHARACTERS}'"),
        ("a" * (MOST_CHARACTERS + 1), f"the text '{'a' * MOST_CHARACTERS}…'"),
        (3, "the number 3"),
        (-2.5, "the number -2.5"),
        (2**200 - 1, f"the number {2**200 - 1}"),
        (2**200, "a number of 201 bits"),
        (10**5000, "a number of 16,610 bits"),
        ({}, "an empty mapping"),
        ({"a": 1, 2: 3}, "a mapping with `a`, `2`"),
        (dict.fromkeys("abcdefg"), "a mapping with `a`, `b`, `c`, `d`, `e`"),
        ([], "a list of 0"),
        ((1, 2), "a list of 2"),
        ([0] * 1234, "a list of 1,234"),
        (b"abc", "a bytes"),
        (bytearray(b"abc"), "a bytearray"),
        (object(), "a object"),
    ],
    ids=range(22),
)
def test_a_value_is_quoted_by_what_it_is(value, text):
    assert shown(value).found == text
