"""Rows without any value, as spreadsheets write below the last: left out and counted, and no mistake in any column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

ROWS = [f"question {number},{'ab'[number % 2]},{number}" for number in range(30)]


def read(
    folder: Path,
    lines: list[str],
    signature: str = "f(text: text, n: number?) -> label: category",
    **section: Any,
):
    (folder / "rows.csv").write_text("\n".join(["text,label,n", *lines]) + "\n")
    summary = data(
        Signature.parse(signature, encoder=True),
        DataConfig(source="rows.csv", **section),
        folder,
        folder / "out",
        Silent(),
    )
    return summary, {one.id: one for one in map(Notice.from_wire, summary["warnings"])}


@pytest.mark.parametrize("blank", [",,", " , ,", '"","",""'])
@pytest.mark.parametrize("invalid", ["error", "drop"])
def test_they_are_left_out_and_counted_and_keep_the_reason(tmp_path: Path, blank: str, invalid: str) -> None:
    summary, found = read(tmp_path, [*ROWS[:10], blank, *ROWS[10:], blank, blank], invalid=invalid)
    assert sum(summary["rows"].values()) == 30
    assert (found["data.blank-rows"].values["count"], found["data.blank-rows"].values["first"]) == (3, 11)
    assert "data.refused-rows" not in found
    rejected = pl.read_parquet(tmp_path / "out" / "rejected" / "rows.parquet")
    assert rejected["row"].to_list() == [11, 32, 33]
    assert set(rejected["reason"]) == {"no value in any column that is read"}


def test_what_else_is_missing_is_refused_with_its_own_rows_and_count(tmp_path: Path) -> None:
    lines = [*ROWS[:10], ",,", "what?,,3", *ROWS[10:], *[",,"] * 20, ",a,"]
    with pytest.raises(DataError) as error:
        read(tmp_path, lines)
    text = str(error.value)
    assert "`label` has no value in row 12 (" in text
    assert "`text` has no value in row 53 (" in text
    summary, found = read(tmp_path, lines, invalid="drop")
    assert sum(summary["rows"].values()) == 30
    assert found["data.refused-rows"].values["count"] == 2
    assert found["data.blank-rows"].values["count"] == 21


def test_a_row_that_may_be_blank_is_a_row(tmp_path: Path) -> None:
    """All its inputs are optional, and that nothing answers it is its truth."""
    summary, found = read(tmp_path, [*ROWS, ",,"], "f(text: text?, n: number?) -> label: text?")
    assert sum(summary["rows"].values()) == 31
    assert "data.blank-rows" not in found


def test_of_a_single_field_a_value_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`text` has no value in row 31"):
        read(tmp_path, [*ROWS, ",,"], "f(text: text)")


@pytest.mark.parametrize("invalid", ["error", "drop"])
def test_files_of_one_name_are_counted_each(tmp_path: Path, invalid: str) -> None:
    for folder, lines in (("a", [*ROWS[:20], ",,"]), ("b", [",,", ",,", *ROWS[20:]])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rows.csv").write_text("\n".join(["text,label,n", *lines]) + "\n")
    config = DataConfig(train="a/rows.csv", test="b/rows.csv", invalid=invalid)
    signature = Signature.parse("f(text: text, n: number?) -> label: category")
    summary = data(signature, config, tmp_path, tmp_path / "out", Silent())
    found = [one["values"] for one in summary["warnings"] if one["id"] == "data.blank-rows"]
    assert sorted((one["count"], one["first"]) for one in found) == [(1, 21), (2, 1)]
    assert sum(summary["rows"].values()) == 30


def test_where_all_rows_are_blank_each_field_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, [",,"] * 7)
    assert [one.id for one in error.value.problems] == ["data.missing-value"] * 2
    assert "7 such rows" in str(error.value)
