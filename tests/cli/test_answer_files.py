"""Answers to the rows of a file, as columns: nothing is lost, nothing takes another's name, and no formula runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from modelwright.cli.predicting.answer_files import ERROR, Tally, flat, require_ending, write
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


def test_columns_keep_rows_names_and_reasons() -> None:
    columns = flat(ANSWERS)
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
