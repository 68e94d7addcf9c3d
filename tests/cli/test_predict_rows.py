"""A row for `predict` from words, and answers as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.cli.predict_rows import as_line, from_words
from modelwright.core.messages import DataError


def test_words_keep_everything_behind_the_first_equals():
    assert from_words(["q=a=b", "n= 3 "]) == {"q": "a=b", "n": " 3 "}


def test_every_bad_word_is_named():
    with pytest.raises(DataError) as caught:
        from_words(["q", "=1", "a=1", "a=2"])
    assert [p.id for p in caught.value.problems] == ["predict.word-form"] * 2 + ["predict.word-twice"]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_line_is_one_line(value):
    assert "\n" not in as_line(value)
