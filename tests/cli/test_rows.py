"""Rows for `predict`, and what is said about files that hold none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.cli.rows import as_line, from_file, from_words
from modelwright.core.errors import DataError


def test_words_keep_everything_behind_the_first_equals():
    assert from_words(["q=a=b", "n= 3 "]) == {"q": "a=b", "n": " 3 "}


def test_every_bad_word_is_named():
    with pytest.raises(DataError) as caught:
        from_words(["q", "=1", "a=1", "a=2"])
    assert [p.id for p in caught.value.problems] == ["predict.word-form"] * 2 + ["predict.word-twice"]


def test_csv_rows(tmp_path):
    path = tmp_path / "q.csv"
    path.write_bytes('\ufeffquestion,n\r\n"a, ""b""\nc",1\r\n'.encode())
    assert list(from_file(path)) == [{"question": 'a, "b"\nc', "n": "1"}]


def test_json_lines(tmp_path):
    path = tmp_path / "q.JSONL"
    path.write_text('{"question": "问题", "n": 1.5}\n\n{"n": null}\n', encoding="utf-8")
    assert list(from_file(path)) == [{"question": "问题", "n": 1.5}, {"n": None}]


@pytest.mark.parametrize(
    ("name", "content", "id_", "where"),
    [
        ("q.txt", b"x", "predict.file-form", None),
        ("none.csv", None, "predict.no-file", None),
        ("q.csv", b"a,b\n1,2,3\n", "predict.row-width", "q.csv, row 1"),
        ("q.csv", b'a\n"x\n', "predict.csv", "q.csv:1"),
        ("q.csv", b"a\n\xff\xfe\n", "predict.encoding", "q.csv"),
        ("q.jsonl", b"[1]\n", "predict.json-line", "q.jsonl:1"),
        ("q.jsonl", b'{"a": 1}\n{"a": \n', "predict.json-line", "q.jsonl:2"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, name, content, id_, where):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(from_file(path))
    (problem,) = caught.value.problems
    assert problem.id == id_
    assert where is None or problem.where == where


@given(st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_line_is_one_line(value):
    assert "\n" not in as_line(value)
