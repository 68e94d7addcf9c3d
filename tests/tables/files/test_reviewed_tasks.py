"""Exports and lists of tools that annotate: what was rejected is left out, and what stands in lists becomes rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_question_lists import rows_of, table_of

from modelwright.core.messages import DataError


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.json"])
def test_tasks_that_were_not_accepted_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    answers = ("accept", "reject", "accept", "ignore", "reject")
    tasks = [{"text": f"t{n}", "spans": [], "_task_hash": n, "answer": one} for n, one in enumerate(answers)]
    content = "\n".join(map(json.dumps, tasks)) if name.endswith("l") else json.dumps(tasks)
    table = table_of(tmp_path, name, content)
    assert [row["text"] for row in rows_of(table)] == ["t0", "t2"]
    (notice,) = (one for one in table.notices if one.id == "data.reviewed-tasks")
    assert (notice.values["rejected"], notice.values["ignored"]) == (2, 1)


def test_an_answer_of_something_else_is_a_column(tmp_path: Path) -> None:
    rows = [{"question": "May I?", "answer": one} for one in ("reject", "accept")]
    table = table_of(tmp_path, "rows.json", json.dumps(rows))
    assert rows_of(table) == rows
    assert not table.notices


def test_lists_of_a_text_and_its_annotations_are_rows(tmp_path: Path) -> None:
    places = {"entities": [[0, 3, "PER"]]}
    table = table_of(
        tmp_path, "train.json", json.dumps([["Ann is here.", places], ["No.", {"entities": []}]])
    )
    found = rows_of(table)
    assert [row["text"] for row in found] == ["Ann is here.", "No."]
    assert [row["entities"] for row in found] == [[[0, 3, "PER"]], []]


@pytest.mark.parametrize("row", [["a"], ["a", 3], [3, {}], ["a", {"text": "b"}], ["a", {}, {}]])
def test_other_lists_are_no_rows(tmp_path: Path, row: Any) -> None:
    with pytest.raises(DataError) as error:
        table_of(tmp_path, "train.json", json.dumps([row, row]))
    assert error.value.problems[0].id == "data.json-shape"


def test_the_places_that_were_found_in_a_text_are_the_answers(tmp_path: Path) -> None:
    asked = {"qid": "q", "question": "Who?", "answers": ["Anna"]}
    detected = [{"text": "Anna", "char_spans": [[0, 3], [9, 12]], "token_spans": [[0, 0]]}]
    lines = [
        {"header": {"dataset": "SQuAD", "split": "dev"}},
        {"id": "", "context": "Anna and Anna.", "qas": [{**asked, "detected_answers": detected}]},
    ]
    (row,) = rows_of(table_of(tmp_path, "mrqa.jsonl", "\n".join(map(json.dumps, lines))))
    assert row["answers"] == [{"start": 0, "end": 4}]
    assert (row["question"], row["context"]) == ("Who?", "Anna and Anna.")
    for odd in ([{"text": "Anna"}], [3], [{"char_spans": []}]):
        lines[1]["qas"] = [{**asked, "detected_answers": odd}]
        (row,) = rows_of(table_of(tmp_path, f"{len(str(odd))}.jsonl", "\n".join(map(json.dumps, lines))))
        assert row["answers"] == ["Anna"]
