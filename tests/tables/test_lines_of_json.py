"""Files that are called .json and hold an object a line, as many are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelwright.core.messages import DataError
from modelwright.tables.objects import are_lines
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.table import Table

ROWS = [{"instruction": f"q {n}", "output": {"a": [n]}} for n in range(30)]


def table_of(folder: Path, content: str) -> Table:
    path = folder / "rows.json"
    path.write_text(content, encoding="utf-8", newline="")
    return read(SourceFile("rows.json", path), folder / "scratch")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
def test_an_object_a_line_is_a_row(tmp_path: Path, line_end: str) -> None:
    table = table_of(tmp_path, "\ufeff" + line_end.join(map(json.dumps, ROWS)) + line_end)
    assert [row for chunk in table.chunks() for row in chunk.to_dicts()] == ROWS


@pytest.mark.parametrize(
    "content",
    [json.dumps(ROWS), json.dumps(ROWS, indent=1), json.dumps({"a": ROWS[0], "b": ROWS[1]}, indent=0)],
)
def test_one_value_over_several_lines_stays_one(tmp_path: Path, content: str) -> None:
    assert not are_lines(content)
    assert table_of(tmp_path, content).rows in {2, 30}


def test_other_texts_are_no_lines() -> None:
    for text in ("", "{}", "{}\n", "[1]\n[2]\n", '{"a": 1}\n, {"b": 2}', '{"a":\n{"b": 1}}', "{a}\n{b}\n"):
        assert not are_lines(text)


def test_more_than_one_value_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        table_of(tmp_path, '[{"a": 1}]\n[{"a": 2}]\n')
    (problem,) = caught.value.problems
    assert problem.id == "data.json"
    assert ".jsonl" in problem.next_step
