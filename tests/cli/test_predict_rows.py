"""A row for `predict` from words, and answers as lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.cli.predicting.predict_rows import as_line, from_words, with_files
from modelwright.core.messages import DataError


def test_words_keep_everything_behind_the_first_equals():
    assert from_words(["q=a=b", "n= 3 "], list) == {"q": "a=b", "n": " 3 "}


@pytest.mark.parametrize("word", ["wake me up", "is a=b?", "汽车", "", "=1"])
def test_one_word_is_the_value_of_the_one_input(word):
    assert from_words([word], lambda: ("q",)) == {"q": word}
    if not word.partition("=")[0].strip():
        with pytest.raises(DataError):
            from_words([word], lambda: ("q", "n"))


def test_a_name_is_a_name_even_of_the_one_input():
    assert from_words(["q=wake me up"], lambda: ("q",)) == {"q": "wake me up"}
    assert from_words(["p=1"], lambda: ("q",)) == {"p": "1"}, "a near name is refused by the function"


def test_every_bad_word_is_named():
    with pytest.raises(DataError) as caught:
        from_words(["q", "=1", "a=1", "a=2"], list)
    assert [p.id for p in caught.value.problems] == ["predict.word-form"] * 2 + ["predict.word-twice"]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_line_is_one_line(value):
    assert "\n" not in as_line(value)


def test_a_path_behind_an_at_is_that_of_a_file_for_an_input_that_holds_one():
    row = {"photo": "@a/cat@home.jpg", "name": "@cat", "text": "photo"}
    assert with_files(row, lambda: {"photo"}) == {**row, "photo": Path("a/cat@home.jpg")}
    assert with_files({"photo": "@~/x"}, lambda: {"photo"}) == {"photo": Path.home() / "x"}


def test_without_an_at_nothing_is_asked():
    def ask():
        raise AssertionError("a package is loaded for it")

    assert with_files({"q": "a@b", "n": "3"}, ask) == {"q": "a@b", "n": "3"}
