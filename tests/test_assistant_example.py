"""examples/assistant: what its script writes is what its two projects read, and no question stands on two sides."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from modelwright.outcomes.texts.similarity import says_the_same
from modelwright.project.declaration import project_file

EXAMPLE = Path(__file__).parents[1] / "examples" / "assistant"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    spec = importlib.util.spec_from_file_location("make_rows", EXAMPLE / "make_rows.py")
    make_rows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_rows)
    found = tmp_path_factory.mktemp("assistant")
    make_rows.write(found)
    return found


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_row_names_passages_of_the_page(folder):
    with (folder / "find" / "passages.csv").open(encoding="utf-8") as file:
        passages = {row["id"]: row["passage"] for row in csv.DictReader(file)}
    for split in ("train", "validation", "test"):
        named, said = rows(folder / "find" / f"{split}.jsonl"), rows(folder / f"{split}.jsonl")
        without = said[len(named) :]
        assert len(without) == (30 if split == "validation" else 0)
        assert all(one["reply"] is None for one in without)
        for one, other in zip(named, said[: len(named)], strict=True):
            assert one["question"] == other["messages"][0]["content"]
            assert all(says_the_same(other["reply"], passages[answer]) for answer in one["answer"])
    assert all(one["reply"] is None for one in rows(folder / "unanswered.jsonl"))


def test_no_question_is_learned_from_and_tested(folder):
    texts = [
        {row["question"].lower() for row in rows(folder / "find" / f"{split}.jsonl")}
        for split in ("train", "validation", "test")
    ]
    assert len(texts[2]) == 200
    assert not texts[2] & (texts[0] | texts[1])
    held = {row["messages"][0]["content"].lower() for row in rows(folder / "unanswered.jsonl")}
    chosen = {row["messages"][0]["content"].lower() for row in rows(folder / "validation.jsonl")}
    assert len(held) == 200
    assert not held & chosen


def test_the_files_of_the_projects_are_those_that_are_written(folder):
    for place in ("", "find"):
        data = project_file.read(EXAMPLE / place).file.data
        for source in (*data.train, *data.validation, *data.test):
            assert (folder / place / source).is_file()
