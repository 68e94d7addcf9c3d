"""Answers to the rows of a file, as columns: nothing is lost, nothing takes another's name, and no formula runs."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from modelwright.cli.predicting import answer_parquet
from modelwright.cli.predicting.answer_columns import ERROR, spooled
from modelwright.cli.predicting.answer_files import Tally, require_ending, write
from modelwright.core.messages import DataError, Problem
from modelwright.project.results.live_results import RowAnswer

ANSWERS = [
    RowAnswer(
        3,
        {"size": {"value": "small", "confidence": 0.75, "probabilities": {"small": 0.75, "=a": 0.25}}},
        ("colour", "marks"),
        1,
        {"size": "large", "id": "=1+1", "row": 9, "n": -5, "tags": ["a", "b"]},
    ),
    RowAnswer(3, {}, (), 2, {"id": "-5", "n": None}, (Problem("predict.body-failed"),)),
    RowAnswer(3, {"size": {"value": None, "confidence": 0.4}}, (), 4, {"id": "@x", "n": 2**70}),
]


def test_columns_keep_rows_names_and_reasons(tmp_path: Path) -> None:
    with spooled(ANSWERS, tmp_path) as (names, rows):
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    assert list(tmp_path.iterdir()) == []
    assert [*columns] == [
        *("row", "given.size", "id", "given.row", "n", "tags", "version"),
        *("size", "size.confidence", "size.p[small]", "size.p[=a]", "unseen", "error"),
    ]
    assert columns["row"] == [1, 2, 4]
    assert columns["size"] == ["small", None, None]
    assert columns["given.size"] == ["large", None, None]
    assert columns["size.p[=a]"] == [0.25, None, None]
    assert columns["unseen"] == ["colour;marks", None, None]
    assert [bool(one) for one in columns[ERROR]] == [False, True, False]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_delimited_text_runs_no_formula_and_says_so(tmp_path: Path, name: str) -> None:
    tally = Tally()
    write(ANSWERS, tmp_path / name, tally)
    with (tmp_path / name).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t" if name.endswith("tsv") else ","))
    assert [row["id"] for row in rows] == ["'=1+1", "-5", "'@x"]
    assert [row["n"] for row in rows] == ["-5", "", str(2**70)]
    assert rows[0]["tags"] == '["a", "b"]'
    assert (tally.rows, tally.failed, tally.quoted) == (3, 1, 2)
    assert any("2 cells begin as a formula" in line for line in tally.lines())


def test_parquet_keeps_types_and_json_lines_everything(tmp_path: Path) -> None:
    write(ANSWERS, tmp_path / "a.parquet", Tally())
    frame = pl.read_parquet(tmp_path / "a.parquet")
    assert frame["row"].to_list() == [1, 2, 4]
    assert frame["size.confidence"].to_list() == [0.75, None, 0.4]
    assert frame["id"].to_list() == ["=1+1", "-5", "@x"]
    assert frame["tags"].to_list() == [["a", "b"], None, None]
    write(ANSWERS, tmp_path / "a.jsonl", Tally())
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [answer.as_json() for answer in ANSWERS]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.parquet"]


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(DataError, match=r"a\.xlsx"):
        require_ending(Path("a.xlsx"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_answers_are_written_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(answer_parquet, "CHUNK_ROWS", 500)
    count = 10_000

    def failing() -> Iterator[RowAnswer]:
        for row in range(1, count + 1):
            yield RowAnswer(3, {}, (), row, {"id": f"id{row}"}, (Problem("predict.row-width", width=row),))

    tally = Tally()
    tracemalloc.start()
    try:
        write(failing(), tmp_path / f"a{ending}", tally)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tally.failed, len(list(tally.lines()))) == (count, 22)
    assert peak < 2_500_000  # 10,000 answers with their messages are some 15 MB
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        ([1, None, 2], [1, None, 2]),
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([None, None, "a"], [None, None, "a"]),
        ([True, None, "a"], ["true", None, "a"]),
        ([1, 2**70, 2], ["1", str(2**70), "2"]),
        ([1.5, "a", 1], ["1.5", "a", "1"]),
        ([[], [1], [2.5]], [[], [1.0], [2.5]]),
        ([[1.5, 2.5], [[1.5]]], ["[1.5, 2.5]", "[[1.5]]"]),
        ([[[1], [2.5]], None], [[[1.0], [2.5]], None]),
        ([[1, "a"], [2]], ['[1, "a"]', "[2]"]),
        ([[1, None], [True]], ["[1, null]", "[true]"]),
        ([[], ["a"], "a"], ["[]", '["a"]', "a"]),
        ([{"a": 1}, [1], None], ['{"a": 1}', "[1]", None]),
        ([None, None, None], [None, None, None]),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_parquet_has_one_type_a_column_however_the_rows_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, cells: list[object], written: list[object]
) -> None:
    monkeypatch.setattr(answer_parquet, "CHUNK_ROWS", at_once)
    answer_parquet.write_parquet(["a"], [[cell] for cell in cells], tmp_path / "a.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet")["a"].to_list() == written
