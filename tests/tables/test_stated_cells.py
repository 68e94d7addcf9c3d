"""Delimited files without a header, and such in which quotation marks are characters like others."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.messages import DataError
from modelwright.project import file_rows, input_file
from modelwright.stages.data.config import DataConfig
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.table import Table

NAMES = ["label", "one", "other"]


def table_of(folder: Path, name: str, content: str, **how: Any) -> Table:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return read(SourceFile(name, path), folder / "scratch", **how)


def cells(table: Table) -> dict[str, list[Any]]:
    return {name: [one for chunk in table.chunks() for one in chunk[name]] for name in table.columns}


@pytest.mark.parametrize(("name", "sign"), [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", ";")])
def test_a_file_without_a_header_takes_the_names_that_are_stated(
    tmp_path: Path, name: str, sign: str
) -> None:
    rows = [[str(n % 2), f"Is it {n}?", f"This is {n}."] for n in range(30)]
    text = "\r\n".join(sign.join(row) for row in rows)
    found = cells(table_of(tmp_path, name, text, header=NAMES))
    assert list(map(list, zip(*found.values(), strict=True))) == rows
    # one that has a header is read by its own names, in its own order
    own = "\n".join([sign.join(["other", "more", "label"]), text])
    assert list(cells(table_of(tmp_path, name, own, header=NAMES))) == ["other", "more", "label"]


def test_names_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        table_of(tmp_path, "a.tsv", "1\ta\tb\n0\tc\td\n", header=["label", "one"])
    assert [one.id for one in caught.value.problems] == ["data.row-width"]
    with pytest.raises(ValueError, match="twice"):
        DataConfig.model_validate({"source": "a.tsv", "header": ["a", "b", "a"]})
    with pytest.raises(DataError, match="looks like data") as caught:
        table_of(tmp_path, "a.tsv", "1\t2\t1\n0\t2\t3\n")
    assert "data.header" in caught.value.problems[0].next_step


SIGNS = ['"Yes" he said', '"open', 'a "b" c', 'close"', '""', '"', "plain", 'it"s 5"']


@pytest.mark.parametrize("size", [60, 40_000])
def test_quotes_may_be_characters_like_others(tmp_path: Path, size: int) -> None:
    drawn = random.Random(3)
    rows = [[str(n % 2), drawn.choice(SIGNS), f"{drawn.choice(SIGNS)} {n}"] for n in range(size)]
    text = "\n".join("\t".join(row) for row in [NAMES, *rows])
    found = cells(table_of(tmp_path, "a.tsv", text, quotes=False))
    assert list(map(list, zip(*found.values(), strict=True))) == rows
    with pytest.raises(DataError) as caught:
        table_of(tmp_path, "a.tsv", text)
    assert caught.value.problems[0].id in {"data.quoting", "data.row-width"}


def test_rows_that_a_quote_takes_into_a_cell_are_said(tmp_path: Path) -> None:
    text = 'label\tone\n1\t"He said\n0\tyes"\n1\tso\n'
    table = table_of(tmp_path, "a.tsv", text)
    (said,) = table.notices
    assert (table.rows, said.id, said.values["count"]) == (2, "data.swallowed-lines", 1)
    assert "data.quotes: false" in said.next_step
    assert table_of(tmp_path, "a.tsv", text, quotes=False).rows == 3
    # line breaks in cells of a file with commas are usual
    assert not table_of(tmp_path, "a.csv", 'label,one\n1,"He\tsaid\n0,yes"\n').notices


def test_a_file_to_predict_is_read_as_the_data_are(tmp_path: Path) -> None:
    config = DataConfig.model_validate({"source": "x.tsv", "header": NAMES, "quotes": False})
    path = tmp_path / "ask.tsv"
    for text in ('1\t"a\tb\n0\t"c\td\n', 'one\tother\n"a\tb\n"c\td\n'):
        path.write_text(text)
        for table in (file_rows.read(path, config).table, input_file.read(path, config)):
            assert json.dumps(list(table.columns["one"])) == json.dumps(['"a', '"c'])
