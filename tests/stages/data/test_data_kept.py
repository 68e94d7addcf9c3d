"""What is kept beside the signature is read as an input would be, so that a slice compares what was written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.slicing import slice_rows
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data

SIGNATURE = Signature.parse("f(n: number) -> y: category")
ROWS = 120


def kept(folder: Path, *files: Sequence[object], **config: Any) -> tuple[pl.Series, dict[str, Notice]]:
    """Return the kept column `k` of the rows in their order, and the notices of it by id."""
    for place, cells in enumerate(files):
        with (folder / f"{place}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(["n", "k", "y"])
            writer.writerows([place * 1000 + n, cell, "ab"[n % 2]] for n, cell in enumerate(cells))
    given = {"source": "*.csv", "keep": ["k"], **config}
    summary = data(SIGNATURE, DataConfig.model_validate(given), folder, folder / "out", Silent())
    rows = pl.concat([pl.read_parquet(folder / f"out/{split}/rows.parquet") for split in SPLITS])
    found = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[arg-type, union-attr]
    return rows.sort("n")["k"], {one.id: one for one in found if one.values.get("column") == "k"}


def german(number: float) -> str:
    return f"{number:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


@pytest.mark.parametrize(
    "write",
    [
        german,
        lambda n: f"{n:.2f}".replace(".", ","),
        lambda n: f"{n:,.2f}",
        lambda n: f"{n:,.2f}".replace(",", "'"),
        lambda n: f"{n:.2f}".replace("-", "\u2212"),
        lambda n: f"{n:.2f}",
        lambda n: f"{n:.2f} \u20ac",
    ],
)
def test_kept_numbers_are_numbers_however_they_are_written(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    numbers = [n * 1234.25 - 5000 for n in range(ROWS)]
    column, _ = kept(tmp_path, list(map(write, numbers)))
    assert column.to_list() == numbers
    rows = slice_rows("k > 1000", SIGNATURE, {"k": column.to_list()})
    assert (sum(rows.inside), sum(rows.unjudged)) == (sum(one > 1000 for one in numbers), 0)


def test_each_file_has_its_own_form(tmp_path: Path) -> None:
    numbers = [n * 12.25 for n in range(ROWS)]
    column, notices = kept(tmp_path, [german(n) for n in numbers], [f"{n:.2f}" for n in numbers])
    assert column.to_list() == numbers * 2
    assert "data.number-form" in notices


def test_a_stray_cell_is_null_and_said(tmp_path: Path) -> None:
    cells = [german(n * 1234.25) for n in range(ROWS - 2)] + ["siehe Blatt", "siehe Blatt"]
    column, notices = kept(tmp_path, cells)
    assert column.null_count() == 2
    assert column[1] == 1234.25
    assert notices["data.kept-strays"].values["count"] == 2
    assert notices["data.kept-strays"].values["words"] == ["siehe Blatt"]


def test_plain_numbers_with_a_name_among_them_stay_text(tmp_path: Path) -> None:
    column, notices = kept(tmp_path, [*map(str, range(ROWS - 1)), "HQ"])
    assert column.to_list() == [*map(str, range(ROWS - 1)), "HQ"]
    assert notices == {}


@pytest.mark.parametrize("codes", [["02139", "10001", "00001"], ["a", "b", "c"], ["1;2", "3;4", "5;6"]])
def test_codes_and_names_stay_text(tmp_path: Path, codes: list[str]) -> None:
    column, _ = kept(tmp_path, codes * (ROWS // 3))
    assert column.to_list() == codes * (ROWS // 3)


@pytest.mark.parametrize("stated", [["-999"], {"k": ["-999"]}])
def test_what_is_stated_to_stand_for_nothing_is_null(tmp_path: Path, stated: object) -> None:
    column, _ = kept(tmp_path, ["-999" if n % 10 == 0 else f"{n}" for n in range(ROWS)], missing=stated)
    assert column.null_count() == ROWS // 10


def test_a_stated_word_is_null_in_a_kept_column_of_names(tmp_path: Path) -> None:
    column, _ = kept(tmp_path, ["n/k", "a", "b"] * (ROWS // 3), missing={"k": ["n/k"]})
    assert column.null_count() == ROWS // 3


def test_kept_dates_in_another_form_are_days(tmp_path: Path) -> None:
    days = [date(2024, 1, 1) + timedelta(days=3 * n) for n in range(ROWS)]
    column, notices = kept(tmp_path, [f"{one:%d.%m.%Y}" for one in days])
    assert column.to_list() == days
    assert "data.date-form" in notices
    rows = slice_rows("k >= '2024-06-01'", SIGNATURE, {"k": column.to_list()})
    assert sum(rows.inside) == sum(one >= date(2024, 6, 1) for one in days)


def test_kept_moments_in_another_form_are_moments(tmp_path: Path) -> None:
    moments = [datetime(2024, 1, 1) + timedelta(hours=7 * n) for n in range(ROWS)]
    column, _ = kept(tmp_path, [f"{one:%d.%m.%Y %H:%M}" for one in moments])
    assert column.to_list() == moments


def test_kept_dates_that_are_two_days_each_stay_text_and_it_is_said(tmp_path: Path) -> None:
    cells = [f"{n % 12 + 1:02}/{n % 10 + 1:02}/2024" for n in range(ROWS)]
    column, notices = kept(tmp_path, cells)
    assert column.to_list() == cells
    assert notices["data.kept-two-days"].values["count"] == ROWS
    stated, _ = kept(tmp_path, cells, dates={"k": "%d/%m/%Y"})
    assert stated[1] == date(2024, 2, 2)


def test_a_column_that_groups_rows_stays_what_it_is_called(tmp_path: Path) -> None:
    column, _ = kept(tmp_path, [f"{n // 4},5" for n in range(ROWS)], group="k", split={"by": "group"})
    assert column.to_list() == [f"{n // 4},5" for n in range(ROWS)]


def test_a_column_that_was_left_out_when_the_file_was_read_is_missing_for_that_reason(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", n=np.array([{"a": 1}] * 30, dtype=object), y=np.arange(30) % 2)
    with pytest.raises(DataError, match="never unpickled"):
        data(SIGNATURE, DataConfig.model_validate({"source": "p.npz"}), tmp_path, tmp_path / "out", Silent())
