"""Judgements that name questions and passages by their ids, as test collections are published."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data

FIND = "answer(question: text) -> answer: choice"
HEAD = "query-id\tcorpus-id\tscore"
PASSAGES = [
    {"_id": f"d{n}", "title": "" if n == 1 else f"T{n}", "text": f"About thing {n}."} for n in range(40)
]
QUESTIONS = [{"_id": f"q{n}", "text": f"What is thing {n}?"} for n in range(40)]


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def read(
    folder: Path, judged: str, function: str = FIND, **config: Any
) -> tuple[pl.DataFrame, dict[str, Notice]]:
    (folder / "corpus.jsonl").write_text(lines(PASSAGES))
    (folder / "queries.jsonl").write_text(lines(QUESTIONS))
    (folder / "train.tsv").write_text(judged)
    stated = {"source": "train.tsv", "corpus": "corpus.jsonl", "queries": "queries.jsonl", **config}
    given = DataConfig.model_validate({name: one for name, one in stated.items() if one is not None})
    summary = data(Signature.parse(function), given, folder, folder / "out", Silent())
    notices = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[arg-type, union-attr]
    frames = [pl.read_parquet(folder / f"out/{split}/rows.parquet") for split in SPLITS]
    return pl.concat(frames), {one.id: one for one in notices}


def judgements(*more: str) -> str:
    return "\n".join([HEAD, *(f"q{n}\td{n}\t1" for n in range(40)), *more]) + "\n"


def refused(folder: Path, judged: str, **config: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(folder, judged, **config)
    return [one.id for one in caught.value.problems]


def test_a_question_is_a_row_with_all_that_is_right(tmp_path: Path) -> None:
    found, notices = read(tmp_path, judgements("q1\td7\t2", "q1\td8\t0", "q2\td9\t-1"))
    rows = dict(zip(found["question"], found["answer"], strict=True))
    assert len(rows) == 40
    assert rows["What is thing 1?"].to_list() == ["d1", "d7"]
    assert rows["What is thing 2?"].to_list() == ["d2"]
    values = notices["data.judged-pairs"].values
    assert (values["pairs"], values["rows"], values["wrong"], values["without"]) == (43, 40, 2, None)


def test_questions_without_a_right_passage_are_counted(tmp_path: Path) -> None:
    judged = judgements().replace("q3\td3\t1", "q3\td3\t0")
    found, notices = read(tmp_path, judged)
    assert len(found) == 39
    assert notices["data.judged-pairs"].values["without"] == 1


def test_titles_are_read_where_they_are_named_and_are_missed_else(tmp_path: Path) -> None:
    _, notices = read(tmp_path, judgements())
    assert "[title, text]" in notices["corpus.title-unread"].next_step
    _, silent = read(tmp_path, judgements(), corpus={"source": "corpus.jsonl", "passage": ["title", "text"]})
    assert "corpus.title-unread" not in silent
    passages = pl.read_parquet(tmp_path / "out/corpus/passages.parquet")
    assert passages["passage"].to_list()[:2] == ["T0 About thing 0.", "About thing 1."]


def test_what_names_nothing_is_refused_by_its_row_or_set_aside(tmp_path: Path) -> None:
    assert refused(tmp_path, judgements("q99\td1\t1")) == ["data.invalid-value"]
    found, _ = read(tmp_path, judgements("q99\td1\t1"), invalid="drop")
    assert len(found) == 40
    for score in ("high", "nan", "inf", "-inf"):
        assert refused(tmp_path, judgements(f"q5\td1\t{score}")) == ["queries.score"]
    assert refused(tmp_path, judgements("q5\td77\t1")) == ["data.invalid-value"]


def test_columns_and_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path, judgements().replace("query-id", "which")) == ["queries.no-column"]
    found, _ = read(tmp_path, judgements().replace("query-id", "which"), columns={"question": "which"})
    assert len(found) == 40
    assert refused(tmp_path, judgements(), queries={"source": "queries.jsonl", "id": "nr"}) == [
        "queries.no-column"
    ]
    twice = [*QUESTIONS, {"_id": "q1", "text": "Another?"}]
    (tmp_path / "more.jsonl").write_text(lines(twice))
    assert refused(tmp_path, judgements(), queries=["queries.jsonl", "more.jsonl"]) == ["queries.id-twice"]
    assert refused(tmp_path, judgements(), queries=None) == ["queries.not-named"]
    assert refused(
        tmp_path, judgements(), function="route(question: text) -> domain: category", corpus=None
    ) == ["queries.fits-not"]


def test_the_project_of_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "finding.md").read_text("utf-8")
    (stated,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "queries:" in one)
    project = yaml.safe_load(stated)
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/train.tsv").write_text("\n".join(judgements().splitlines()[:31]))
    (tmp_path / "qrels/test.tsv").write_text("\n".join([HEAD, *judgements().splitlines()[31:]]))
    found, notices = read(tmp_path, "", project["function"], source=None, **project["data"])
    assert len(found) == 40
    assert "corpus.title-unread" not in notices
