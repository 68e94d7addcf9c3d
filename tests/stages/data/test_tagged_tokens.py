"""Tokens with a tag each become texts with labelled places, from columns and from files with a token a line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.messages import DataError, Notice, ValueProblem
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.forms.answer_problem import AnswerProblem
from modelwright.stages.data.forms.tagged_tokens import of_tagged
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data
from modelwright.tables.files.token_lines import are_tagged

FIND = "find(text: text) -> entities: spans"


def places(tokens: list[str], tags: str) -> tuple[list[tuple[str, str]], int]:
    found = of_tagged(tokens, tags.split())
    return [(found.text[one["start"] : one["end"]], str(one["label"])) for one in found.places], found.astray


@pytest.mark.parametrize(
    ("tags", "wanted", "astray"),
    [
        ("B-per I-per O B-per O", [("Anna Meier", "per"), ("Bo", "per")], 0),
        ("B-per I-per O S-per O", [("Anna Meier", "per"), ("Bo", "per")], 0),
        ("B-per L-per O U-per O", [("Anna Meier", "per"), ("Bo", "per")], 0),
        ("I-per I-per O I-per O", [("Anna Meier", "per"), ("Bo", "per")], 2),  # as the first IOB has it
        ("B-per B-per O O O", [("Anna", "per"), ("Meier", "per")], 0),
        ("B-per I-org O O O", [("Anna", "per"), ("Meier", "org")], 1),
        ("S-per I-per O O O", [("Anna", "per"), ("Meier", "per")], 1),
        ("O O O O O", [], 0),
    ],
)
def test_tags_become_places(tags, wanted, astray):
    assert places(["Anna", "Meier", "met", "Bo", "."], tags) == (wanted, astray)


def test_between_wide_characters_stands_no_space():
    found = of_tagged(
        ["王", "小明", "住在", "Bern", "市", "with", "Bo"], ["B-人", "I-人", "O", "B-地", "O", "O", "B-人"]
    )
    assert found.text == "王小明住在Bern市with Bo"
    assert [found.text[one["start"] : one["end"]] for one in found.places] == ["王小明", "Bern", "Bo"]


@pytest.mark.parametrize(
    ("tokens", "tags", "message"),
    [
        (["a", "b"], ["O"], "value.tokens-and-tags"),
        (["a", "b"], [0, 1], "value.tag-number"),
        (["a", "b"], [0, 0], "value.tag-number"),
        (["a", "b"], [0, "O"], "value.no-tokens"),
        (["a", ""], ["O", "O"], "value.no-tokens"),
        ("a b", "O O", "value.no-tokens"),
        (None, ["O"], "value.no-tokens"),
        (["a"], ["person"], "value.no-tag"),
        (["a"], ["B-"], "value.no-tag"),
        (["a"], ["X-person"], "value.no-tag"),
    ],
)
def test_what_is_no_tagged_text_is_refused(tokens, tags, message):
    with pytest.raises((ValueProblem, AnswerProblem)) as caught:
        of_tagged(tokens, tags)
    of_tags = isinstance(caught.value, AnswerProblem)
    problem = caught.value.problem if of_tags else caught.value
    assert problem.message.id == message
    assert of_tags is (message != "value.no-tokens" or tags == [0, "O"]), (
        "what is wrong with tags is so of the answer"
    )


def read(
    folder: Path, name: str, function: str = FIND, **config: Any
) -> tuple[pl.DataFrame, dict[str, Notice]]:
    given = DataConfig.model_validate({"source": name, **config})
    summary = data(Signature.parse(function), given, folder, folder / "out", Silent())
    notices = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[arg-type, union-attr]
    frames = [pl.read_parquet(folder / f"out/{split}/rows.parquet") for split in SPLITS]
    return pl.concat(frames), {one.id: one for one in notices}


def test_columns_of_tokens_and_tags_are_recognised_and_said(tmp_path):
    rows = [{"id": n, "tokens": [f"name{n}", "lives"], "ner_tags": ["I-per", "O"]} for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found, notices = read(tmp_path, "rows.jsonl")
    assert sorted(found["text"]) == sorted(f"name{n} lives" for n in range(30))
    assert {one[0]["label"] for one in found["entities"].to_list()} == {"per"}
    assert notices["data.row-form"].values["form"] == "iob"
    assert notices["data.tags-astray"].values["count"] == 30
    _, silent = read(tmp_path, "rows.jsonl", form="iob")
    assert "data.row-form" not in silent


def test_a_file_with_a_token_a_line_has_texts_and_documents(tmp_path):
    lines = []
    for n in range(24):
        lines += ["-DOCSTART- -X- O", ""] if n % 4 == 0 else []
        lines += [f"# id = {n}", f"Anna{n} NNP B-per", "Meier NNP I-per", "# NN O", "", ""]
    (tmp_path / "rows.conll").write_text("\n".join(lines))
    found, _ = read(tmp_path, "rows.conll", group="document", split={"by": "group"})
    assert sorted(found["text"]) == sorted(f"Anna{n} Meier #" for n in range(24))
    assert found["entities"].list.len().to_list() == [1] * 24


@pytest.mark.parametrize("name", ["train.txt", "eng.testa", "dev.tsv", "weibo.all.bmes", "a.csv", "b.txt.gz"])
@pytest.mark.parametrize("sign", [" ", "\t"])
def test_a_file_is_known_by_its_tags_whatever_its_ending(tmp_path, name, sign):
    lines = [f"Anna{n}{sign}NNP{sign}B-per\n# NN O\n王{sign}O{sign}O\n" for n in range(24)]
    text = "\r\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found, _ = read(tmp_path, name)
    assert sorted(found["text"]) == sorted(f"Anna{n} #王" for n in range(24))


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\n1\tO\n2\tO\n3\tO\n",  # a table without blank lines, whose header is no tag
        "Anna\tB-per\n\nBo\n\nlives\tO\nin\tO\n",
        "One O\n\nTwo two\n\nThree O\nFour O\n",
        "",
        "O\n\nO\nO\nO\n",
    ],
)
def test_other_texts_are_no_tagged_tokens(text):
    assert not are_tagged(text)


def test_tags_that_are_numbers_take_their_names(tmp_path):
    rows = [{"tokens": [f"Anna{n}", "Meier", "lives"], "ner_tags": [1, 2, 0]} for n in range(30)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match="tag number 1, which says no label") as caught:
        read(tmp_path, "rows.json")
    (problem,) = caught.value.problems
    assert "data.tags: [O, B-person" in problem.rule
    found, _ = read(tmp_path, "rows.json", tags=["O", "B-per", "I-per"])
    assert {one[0]["label"] for one in found["entities"].to_list()} == {"per"}
    assert {len(one) for one in found["entities"].to_list()} == {1}
    with pytest.raises(DataError, match="has 2 names, from 0 on"):
        read(tmp_path, "rows.json", tags=["O", "B-per"])


def test_a_line_without_a_tag_is_named(tmp_path):
    (tmp_path / "rows.conll").write_text("Anna\tB-per\nMeier\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path, "rows.conll")
    (problem,) = caught.value.problems
    assert (problem.id, problem.values["line"]) == ("data.token-without-tag", 2)


def test_rows_whose_tags_do_not_fit_are_set_aside_and_counted(tmp_path):
    rows = [{"tokens": [f"name{n}", "lives"], "tags": ["B-per", "O"]} for n in range(30)]
    rows += [{"tokens": ["a", "b"], "tags": ["O"]}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="2 tokens have 1 tag in row 31"):
        read(tmp_path, "rows.jsonl")
    found, _ = read(tmp_path, "rows.jsonl", invalid="drop")
    assert len(found) == 30


def test_a_function_of_another_kind_takes_no_tagged_tokens(tmp_path):
    rows = [{"tokens": ["a"], "tags": ["O"]} for _ in range(30)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError) as caught:
        read(tmp_path, "rows.jsonl", "route(text: text) -> domain: category", form="iob")
    assert caught.value.problems[0].id == "data.form-fits-not"
