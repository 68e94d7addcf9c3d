"""Questions in lists within lists, as reading comprehension is published, and rows in one value of an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.messages import DataError
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.table import Table

FIRST = {"id": "a", "question": "Who?", "answers": [{"text": "Anna", "answer_start": 0}]}
SECOND = {"id": "b", "question": "Why?", "is_impossible": True, "answers": []}
ARTICLE = {
    "title": "Bern",
    "paragraphs": [{"context": "Anna is here.", "qas": [FIRST, SECOND]}, {"context": "No.", "qas": []}],
}


def table_of(folder: Path, name: str, content: str) -> Table:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read(SourceFile(name, path), folder / "scratch")


def rows_of(table: Table) -> list[dict[str, Any]]:
    return [row for chunk in table.chunks() for row in chunk.to_dicts()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dev.json", json.dumps({"version": "v2.0", "data": [ARTICLE]})),
        ("list.json", json.dumps([ARTICLE])),
        ("lines.jsonl", json.dumps(ARTICLE) + "\n"),
        ("texts.json", json.dumps([{"title": "Bern", **one} for one in ARTICLE["paragraphs"]])),
    ],
)
def test_each_question_is_a_row_with_its_text(tmp_path: Path, name: str, content: str) -> None:
    table = table_of(tmp_path, name, content)
    said = next(one for one in table.notices if one.id == "data.question-lists")
    values = said.values
    assert (values["rows"], values["texts"], values["empty"]) == (2, 2, 1)
    found = rows_of(table)
    assert [one["question"] for one in found] == ["Who?", "Why?"]
    assert {(one["title"], one["context"]) for one in found} == {("Bern", "Anna is here.")}
    assert [one["answers"] for one in found] == [FIRST["answers"], []]
    assert [one["is_impossible"] for one in found] == [None, True]


def test_what_both_a_text_and_its_question_have_keeps_both(tmp_path: Path) -> None:
    texts = [{"id": "t1", "context": "Anna.", "qas": [FIRST]}]
    (row,) = rows_of(table_of(tmp_path, "a.json", json.dumps(texts)))
    assert (row["id"], row["paragraph_id"]) == ("a", "t1")
    (row,) = rows_of(table_of(tmp_path, "b.json", json.dumps([{"id": "art", "paragraphs": texts}])))
    assert (row["id"], row["paragraph_id"], row["article_id"]) == ("a", "t1", "art")


def test_other_lists_stay_cells(tmp_path: Path) -> None:
    rows = [{"paragraphs": ["x", "y"], "qas": [{"q": 1}]}, {"paragraphs": ["z"], "qas": [{"q": 2}]}]
    table = table_of(tmp_path, "a.json", json.dumps(rows))
    assert rows_of(table) == rows
    assert not table.notices


def test_rows_within_an_object_are_said_with_what_is_left(tmp_path: Path) -> None:
    held = {"licence": "CC BY", "rows": [{"a": 1}, {"a": 2}], "about": {"by": "us"}}
    table = table_of(tmp_path, "a.json", json.dumps(held))
    assert [one["a"] for one in rows_of(table)] == [1, 2]
    (said,) = table.notices
    assert said.id == "data.rows-within"
    assert said.values["name"] == "rows"
    assert said.found.endswith("`licence`, `about`")


@pytest.mark.parametrize(
    "held",
    [{"images": [{"a": 1}], "annotations": [{"b": 1}]}, {"rows": []}, {"rows": [1, 2]}, {"a": {}, "b": 1}],
)
def test_objects_whose_rows_are_not_plain_are_refused(tmp_path: Path, held: object) -> None:
    with pytest.raises(DataError) as error:
        table_of(tmp_path, "a.json", json.dumps(held))
    assert [one.id for one in error.value.problems] == ["data.json-shape"]
