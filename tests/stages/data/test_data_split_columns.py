"""`split.by`: rows that belong together, the newest rows as the test, a column that says where rows go."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from modelwright.core.messages import DataError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.storage.formats.data import DataProfile

COUNT = 300
CHANCE = random.Random(7)
COLUMNS: dict[str, list[Any]] = {
    "x": [CHANCE.random() for _ in range(COUNT)],
    "y": [CHANCE.choice("ab") for _ in range(COUNT)],
    "customer": [f"C{CHANCE.randrange(120):03}" for _ in range(COUNT)],
    "when": [dt.date(2024, 1, 1) + dt.timedelta(CHANCE.randrange(200)) for _ in range(COUNT)],
    "part": [CHANCE.choice(["train"] * 7 + ["Validation", "dev", "test"]) for _ in range(COUNT)],
}
FRAME = pl.DataFrame(COLUMNS)


def run(folder: Path, frame: pl.DataFrame = FRAME, **section: Any) -> dict[str, pl.DataFrame]:
    """Return the rows of each split, with every column of the data."""
    frame.write_csv(folder / "a.csv")
    signature = Signature("f", (Field("x", "number"),), (Field("y", "category"),))
    keep = [name for name in frame.columns if name not in "xy"]
    config = DataConfig(source="a.csv", keep=keep, **section)
    data(signature, config, folder, folder / "out", Silent())
    return {
        split: pl.read_parquet(folder / "out" / split / "rows.parquet")
        for split in ("train", "validation", "test")
    }


def test_rows_of_a_group_stay_together(tmp_path: Path) -> None:
    found = run(tmp_path, group="customer", split={"by": "group"})
    groups = {split: set(rows["customer"]) for split, rows in found.items()}
    assert all(groups.values())
    assert not groups["train"] & groups["validation"]
    assert not (groups["train"] | groups["validation"]) & groups["test"]
    assert sum(rows.height for rows in found.values()) == COUNT


@pytest.mark.parametrize(
    ("renamed", "keep", "held"),
    [
        ({}, [], {"customer": "customer"}),
        ({}, ["when"], {"when": "when", "customer": "customer"}),
        ({}, {"who": "customer"}, {"who": "customer"}),
        ({"customer": "x_"}, [], {"x_": "x_"}),
        ({"customer": "id"}, [], {"id_": "id"}),  # a name that is taken
        ({"customer": "x", "x": "z"}, [], {}),  # the input itself
    ],
)
def test_the_column_of_the_groups_is_kept_for_the_evaluation(
    tmp_path: Path, renamed: dict[str, str], keep: Any, held: dict[str, str]
) -> None:
    FRAME.drop("part").rename(renamed).write_csv(tmp_path / "a.csv")
    column = renamed.get("customer", "customer")
    kind = "category" if column == "x" else "number"
    signature = Signature("f", (Field("x", kind),), (Field("y", "category"),))
    config = DataConfig(source="a.csv", keep=keep, group=column, split={"by": "group"})
    data(signature, config, tmp_path, tmp_path / "out", Silent())
    assert dict(DataProfile.read(tmp_path / "out" / "profile").keep) == held
    assert {*held} <= {*pl.read_parquet(tmp_path / "out" / "test" / "rows.parquet").columns}


@pytest.mark.parametrize("as_number", [False, True])
def test_the_newest_rows_are_the_test(tmp_path: Path, as_number: bool) -> None:
    frame = FRAME
    if as_number:
        frame = FRAME.with_columns(pl.col("when").cast(pl.Int32))
    found = run(tmp_path, frame, time="when", split={"by": "time"})
    assert found["train"]["when"].max() < found["validation"]["when"].min()
    assert found["validation"]["when"].max() < found["test"]["when"].min()
    assert abs(found["test"].height - COUNT // 10) <= 5
    assert abs(found["train"].height - COUNT * 7 // 10) <= 5


def test_a_column_says_where_rows_go(tmp_path: Path) -> None:
    found = run(tmp_path, split={"by": "part"})
    assert {split: set(rows["part"]) for split, rows in found.items()} == {
        "train": {"train"},
        "validation": {"Validation", "dev"},
        "test": {"test"},
    }


def test_a_cell_that_names_no_split_is_named(tmp_path: Path) -> None:
    odd = FRAME.with_columns(part=pl.when(pl.int_range(COUNT) == 4).then(pl.lit("tset")).otherwise("part"))
    with pytest.raises(DataError) as raised:
        run(tmp_path, odd, split={"by": "part"})
    assert [one.id for one in raised.value.problems] == ["data.no-split-word"]
    assert "`part` has the text 'tset' in row 5" in raised.value.problems[0].found


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"time": "customer", "split": {"by": "time"}}, "data.no-time"),
        ({"time": "wen", "split": {"by": "time"}}, "data.unknown-column"),
        ({"group": "custmer", "split": {"by": "group"}}, "data.unknown-column"),
        ({"split": {"by": "prt"}}, "data.unknown-column"),
    ],
)
def test_columns_that_cannot_split(tmp_path: Path, section: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as raised:
        run(tmp_path, **section)
    assert [one.id for one in raised.value.problems] == [problem]


def test_a_row_without_a_time_is_a_problem(tmp_path: Path) -> None:
    gap = FRAME.with_columns(when=pl.when(pl.int_range(COUNT) < 3).then(None).otherwise("when"))
    with pytest.raises(DataError) as raised:
        run(tmp_path, gap, time="when", split={"by": "time"})
    assert [one.id for one in raised.value.problems] == ["data.time-missing"]


@pytest.mark.parametrize(
    "section",
    [
        {"source": "a.csv", "split": {"by": "group"}},
        {"source": "a.csv", "split": {"by": "time"}},
        {"source": "a.csv", "split": {"by": "part", "test": 20, "train": 60}},
        {"train": "a.csv", "test": "b.csv", "split": {"by": "part"}},
    ],
)
def test_what_does_not_fit_together(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataConfig(**section)


def test_under_the_wildcard_the_column_is_no_input(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "a.csv")
    signature = Signature("f", (), (Field("y", "category"),))
    for by, left in (
        ("part", "x: number, when: date"),
        ("group", "x: number, when: date"),
    ):
        more = {"group": "customer", "drop": ["part"]} if by == "group" else {}
        config = DataConfig(source="a.csv", split={"by": by}, **more)
        summary = data(signature, config, tmp_path, tmp_path / by, Silent())
        assert summary["signature"] == f"f({left}) -> y: category"


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%b %d, %Y"])
def test_times_in_other_forms_have_the_same_order(tmp_path: Path, form: str) -> None:
    plain = run(tmp_path, time="when", split={"by": "time"})
    written = FRAME.with_columns(FRAME["when"].dt.strftime(form))
    for stated in ({}, {"dates": form}):
        found = run(tmp_path, written, time="when", split={"by": "time"}, **stated)
        assert {split: rows["id"].to_list() for split, rows in found.items()} == {
            split: rows["id"].to_list() for split, rows in plain.items()
        }


def test_times_that_are_two_days_each_are_never_guessed(tmp_path: Path) -> None:
    early = FRAME.with_columns(pl.Series("when", [f"0{1 + n % 9}/0{1 + n % 7}/2024" for n in range(COUNT)]))
    with pytest.raises(DataError) as raised:
        run(tmp_path, early, time="when", split={"by": "time"})
    assert [one.id for one in raised.value.problems] == ["data.two-days"]
    run(tmp_path, early, time="when", split={"by": "time"}, dates={"when": "%d/%m/%Y"})


def test_times_that_are_numbers_in_another_form_have_the_order_of_numbers(tmp_path: Path) -> None:
    days = FRAME["when"].cast(pl.Int32).to_list()
    written = FRAME.with_columns(pl.Series("when", [f"{day},5" for day in days]))
    found = run(tmp_path, written, time="when", split={"by": "time"})
    plain = run(tmp_path, FRAME.with_columns(pl.Series("when", days)), time="when", split={"by": "time"})
    assert found["test"]["id"].to_list() == plain["test"]["id"].to_list()
