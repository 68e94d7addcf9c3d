"""What `inputs: "*"` takes a column for, what it leaves out, and what it says about it."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.image.samples import picture
from modelwright.stages.data.columns.distinct import DistinctCells
from modelwright.stages.data.columns.identifiers import Names, identifier_of
from modelwright.stages.data.columns.wildcard import infer
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.tables.series import series

NUMBERS = [str(n) for n in range(200)]
COUNT = 120
CHANCE = random.Random(3)
AMOUNTS = [round(CHANCE.gauss(50, 20), 2) for _ in range(COUNT)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["yes", "no"] * 9, Field("x", "boolean")),
        (NUMBERS, Field("x", "number")),
        ([*NUMBERS, ""], Field("x", "number", optional=True)),
        ([1.5, 2.5, float("nan")] * 9, Field("x", "number", optional=True)),
        ([*NUMBERS, "NaN", "N/A", "1,5", "-", "inf"], Field("x", "number", optional=True)),
        ([*NUMBERS, *["none"] * 20], Field("x", "number", optional=True)),
        ([*NUMBERS, *["many"] * 20], Field("x", "text")),
        ([f"{n},25" for n in range(200)], Field("x", "number")),
        ([f"{n}.{n:03},5" for n in range(200)], Field("x", "number")),
        ([f"\u2212{n}.5" for n in range(200)], Field("x", "number")),
        (["NA", "DE", "FR"] * 9, Field("x", "category")),
        (["NA"] * 9, Field("x", "category")),
        (["yes", "no", "?"] * 9, Field("x", "boolean", optional=True)),
        (["1.0", "0.0"] * 9, Field("x", "boolean")),
        (["a", "b", "c"] * 9, Field("x", "category")),
        (["007", "7", "12"] * 9, Field("x", "category")),
        (["007", "7", "", "12"] * 9, Field("x", "category", optional=True)),
        (["0.7", "007", "1.5"] * 9, Field("x", "number")),
        ([f"{n:05}" for n in range(150)] * 12, Field("x", "category")),
        ([f"text {n}" for n in range(200)], Field("x", "text")),
        ([[1], [2]], None),
        (["", ""], None),
        ([float("nan")] * 3, None),
    ],
)
def test_a_column_is_taken_for_what_nearly_all_of_it_is(cells: list[object], expected: Field | None) -> None:
    assert infer("x", DistinctCells([series("x", cells)])) == expected


def shuffled(cells: Sequence[object]) -> list[object]:
    found = list(cells)
    random.Random(1).shuffle(found)
    return found


@pytest.mark.parametrize(
    ("name", "cells", "names"),
    [
        ("row", range(COUNT), Names.ROWS),
        ("Unnamed: 0", [str(n) for n in range(1, COUNT + 1)], Names.ROWS),
        ("n", [float(n) for n in range(COUNT, 0, -1)], Names.ROWS),
        ("n", shuffled(range(COUNT)), Names.ROWS),
        ("part of a file", [3 * n for n in range(COUNT)], Names.ROWS),
        ("customer_id", [n * n * 7 % 100_003 for n in range(COUNT)], Names.KEYS),
        ("PassengerId", [n * n * 7 % 100_003 for n in range(COUNT)], Names.KEYS),
        ("uuid", [str(uuid.UUID(int=n * 7919 << 64)) for n in range(COUNT)], Names.CODES),
        ("code", [f"A-{n:04}" for n in range(COUNT)], Names.CODES),
        ("code", [f"{n:05}" for n in shuffled(range(COUNT))], Names.CODES),
        ("mail", [f"anna.{n}@example.org" for n in range(COUNT)], Names.CODES),
        ("customer", [f"C{n // 3:05}" for n in range(3 * COUNT)], Names.CODES),
        ("amount", AMOUNTS, None),
        ("amount", [f"{n:.2f}" for n in AMOUNTS], None),
        ("amount", [f"{n:.2f}".replace(".", ",") for n in AMOUNTS], None),
        ("amount", [f"$1,{n:03}.50" for n in range(COUNT)], None),
        ("income", [CHANCE.randrange(100_000) for _ in range(COUNT)], None),
        ("age", [CHANCE.randrange(18, 90) for _ in range(COUNT)], None),
        ("year", range(1900, 1900 + COUNT), None),
        ("gap", [None, *range(1, COUNT)], None),
        ("day", [str(dt.date(2024, 1, 1) + dt.timedelta(n)) for n in range(COUNT)], None),
        ("clock", [f"{n // 60:02}:{n % 60:02}" for n in range(COUNT)], None),
        ("note", [f"it was number {n}" for n in range(COUNT)], None),
        ("depot", [f"{n % 30:03}" for n in range(COUNT)], None),
        ("few", range(5), None),
    ],
)
def test_what_names_rows_or_things(name: str, cells: Sequence[object], names: Names | None) -> None:
    found = identifier_of(name, [series(name, list(cells))])
    assert (found and found.names) == names


def run(folder: Path, columns: dict[str, Any], **section: Any) -> dict[str, Any]:
    frame = pl.DataFrame({"y": ["a", "b", "b", "a", "b"] * (COUNT // 5), **columns}, strict=False)
    frame.write_parquet(folder / "a.parquet")
    signature = Signature("f", (), (Field("y", "category"),))
    return data(signature, DataConfig(source="a.parquet", **section), folder, folder / "out", Silent())


def inputs(summary: dict[str, Any]) -> str:
    return str(summary["signature"]).removeprefix("f(").partition(")")[0]


def warnings(summary: dict[str, Any], column: str) -> dict[str, Notice]:
    """Return what is said of a column, by id."""
    found = [Notice.from_wire(one) for one in summary["warnings"]]
    return {one.id: one for one in found if one.values.get("column") == column}


def line(notice: Notice) -> dict[str, Any]:
    """Return the line of the project file that a notice proposes, read as YAML, with whole keys."""
    proposed = notice.next_step.partition("`")[2].rpartition("`")[0].partition("` ")[0]
    found: dict[str, Any] = yaml.safe_load(proposed)
    return {key.removeprefix("data."): value for key, value in found.items()}


ODD = "a: b, {c} #1"
GAP = [None if n % 10 == 0 else AMOUNTS[n] for n in range(COUNT)]


@pytest.mark.parametrize("column", ["x", ODD, "问题", "it's", "5 %"])
@pytest.mark.parametrize(
    ("cells", "warning", "taken_in"),
    [
        (["same"] * COUNT, "data.constant-column", "category"),
        ([7.0] * COUNT, "data.constant-column", "number"),
        ([f"A-{n:04}" for n in range(COUNT)], "data.identifier", "text"),
        (list(range(COUNT)), "data.identifier", "number"),
        ([f"{n % 12:03}" for n in range(COUNT)], "data.leading-zeros", "number"),
        ([*["red"] * 20, *map(str, AMOUNTS[20:])], "data.nearly", "number"),
    ],
)
def test_the_proposed_line_takes_a_column_in(
    tmp_path: Path, column: str, cells: list[Any], warning: str, taken_in: str
) -> None:
    other = {"amount": AMOUNTS}
    found = warnings(run(tmp_path, {**other, column: cells}), column)[warning]
    assert found.as_json()["count"] is not None
    proposed = line(found)
    assert proposed == {"kinds": {column: taken_in}}
    again = run(tmp_path, {**other, column: cells}, invalid="drop", **proposed)
    assert inputs(again).endswith(f": {taken_in}")
    assert warning not in warnings(again, column)


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("%d.%m.%y", ["%d.%m.%y"]),
        ("%m/%d/%y", ["%m/%d/%y"]),
        ("%d-%b-%y", ["%d-%b-%y"]),
    ],
)
def test_dates_with_years_of_two_digits_are_pointed_at(tmp_path: Path, form: str, lines: list[str]) -> None:
    days = [(dt.date(2011, 3, 1) + dt.timedelta(n % 30)).strftime(form) for n in range(COUNT)]
    summary = run(tmp_path, {"amount": AMOUNTS, "when": days})
    assert inputs(summary).endswith("when: category")
    found = warnings(summary, "when")["data.short-years"]
    assert found.values["lines"] == [f"data.dates: {{when: '{one}'}}" for one in lines]
    assert line(found) == {"dates": {"when": form}}
    again = run(tmp_path, {"amount": AMOUNTS, "when": days}, **line(found))
    assert inputs(again).endswith("when: date")
    assert "data.short-years" not in warnings(again, "when")


@pytest.mark.parametrize("cells", [["1.2.3", "10.0.12"], ["red", "blue"], ["2011-03-01", "2012-03-01"]])
def test_what_is_no_such_date_is_not_taken_for_one(tmp_path: Path, cells: list[str]) -> None:
    summary = run(tmp_path, {"amount": AMOUNTS, "x": cells * (COUNT // 2)})
    assert "data.short-years" not in warnings(summary, "x")


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        ([None] * COUNT, "data.empty-column"),
        ([float("nan")] * COUNT, "data.empty-column"),
        ([b"\x00\x01"] * COUNT, "data.unread-column"),
        ([[1.5]] * COUNT, "data.unread-column"),
        ([{"a": 1}] * COUNT, "data.unread-column"),
        ([f"it was number {n}" for n in range(COUNT)], "data.free-text"),
    ],
)
def test_what_no_kind_reads_is_said_and_can_be_dropped(
    tmp_path: Path, cells: list[Any], warning: str
) -> None:
    found = warnings(run(tmp_path, {"amount": AMOUNTS, "x": cells}), "x")[warning]
    assert 0.8 * COUNT < int(str(found.values["count"])) <= COUNT  # of those that train and validate
    assert line(found) == {"drop": ["x"]}
    again = run(tmp_path, {"amount": AMOUNTS, "x": cells}, **line(found))
    assert inputs(again) == "amount: number"
    assert warnings(again, "x") == {}


def test_a_column_with_missing_cells_is_optional_and_that_is_said(tmp_path: Path) -> None:
    summary = run(
        tmp_path, {"gap": GAP, "when": [None, *[dt.date(2024, 1, 1 + n % 9) for n in range(COUNT - 1)]]}
    )
    assert inputs(summary) == "gap: number?, when: date?"
    missing = warnings(summary, "gap")["data.optional-column"]
    assert 0 < int(str(missing.values["count"])) <= COUNT // 10
    assert "`gap: number?`" in missing.found


@pytest.mark.parametrize("cell", [dt.timedelta(minutes=1), dt.time(0, 1)])
def test_durations_and_times_of_day_are_seconds(tmp_path: Path, cell: Any) -> None:
    cells = [
        cell if n % 2 else cell.__class__(minute=2) if isinstance(cell, dt.time) else 2 * cell
        for n in range(COUNT)
    ]
    summary = run(tmp_path, {"took": cells, "amount": AMOUNTS})
    assert inputs(summary) == "took: number, amount: number"
    assert line(warnings(summary, "took")["data.seconds"]) == {"drop": ["took"]}
    stored = pl.read_parquet(tmp_path / "out/train/rows.parquet")["took"]
    assert set(stored.to_list()) == {60.0, 120.0}


@pytest.mark.parametrize(
    ("cells", "units", "mixed"),
    [
        ([f"${1000 + n:,}.50" for n in range(COUNT)], ["$"], False),
        ([f"{n},50 €" for n in range(COUNT)], ["€"], False),
        ([f"{n % 50} %" for n in range(COUNT)], ["%"], False),
        ([f"{n} €" if n % 2 else f"${n}" for n in range(COUNT)], ["$", "€"], True),
        ([f"{n % 50} %" if n % 2 else f"0.{n % 50}" for n in range(COUNT)], ["%"], True),
    ],
)
def test_money_and_percent_are_numbers_and_that_is_said(
    tmp_path: Path, cells: list[str], units: list[str], mixed: bool
) -> None:
    summary = run(tmp_path, {"price": cells, "amount": AMOUNTS})
    assert inputs(summary) == "price: number, amount: number"
    found = warnings(summary, "price")["data.units"]
    assert (found.values["units"], found.values["mixed"]) == (units, mixed)
    assert bool(found.as_json()["fix"]) == mixed  # of one unit throughout there is nothing to decide


def test_names_of_files_are_no_identifier_and_the_line_that_reads_the_files_is_said(tmp_path: Path) -> None:
    names = [f"crops/{n}.png" for n in range(COUNT)]
    (tmp_path / "crops").mkdir()
    for n, name in enumerate(names):
        (tmp_path / name).write_bytes(picture("PNG", "L", seed=n))
    columns = {"photo": names, "amount": AMOUNTS}
    summary = run(tmp_path, columns)
    assert inputs(summary) == "amount: number"
    found = warnings(summary, "photo")["data.names-files"]
    assert line(found) == {"kinds": {"photo": "image"}}
    assert inputs(run(tmp_path, columns, **line(found))) == "photo: image, amount: number"


def test_files_themselves_are_taken_for_what_they_are(tmp_path: Path) -> None:
    photos = [picture("PNG", "L", seed=n) for n in range(COUNT)]
    assert inputs(run(tmp_path, {"photo": photos, "amount": AMOUNTS})) == "photo: image, amount: number"


def test_an_identifier_takes_no_part_in_the_split(tmp_path: Path) -> None:
    """Else rows with equal inputs would stand on both sides of it, and most of them be set aside."""
    few = {"size": ["s", "m", "l"] * (COUNT // 3), "colour": ["red", "blue", "green", "grey"] * (COUNT // 4)}
    few["shape"] = shuffled(["round", "square", "flat", "long", "odd", "even"] * (COUNT // 6))
    plain = run(tmp_path, few)
    numbered = run(tmp_path, {"id_": list(range(COUNT)), **few})
    assert numbered["signature"] == plain["signature"]
    assert numbered["rows"] == plain["rows"]
    assert (numbered["also_in_test"], numbered["also_in_validation"]) == (0, 0)


def test_a_column_of_a_later_file_alone_is_said(tmp_path: Path) -> None:
    rows = [f"{amount},{'ab'[n % 2]}" for n, amount in enumerate(AMOUNTS)]
    (tmp_path / "a.csv").write_text("\n".join(["amount,y", *rows]))
    (tmp_path / "b.csv").write_text("\n".join(["amount,y,size", *(f"{row},7" for row in rows)]))
    signature = Signature("f", (), (Field("y", "category"),))
    config = DataConfig(source=("a.csv", "b.csv"), repeated="keep")
    summary = data(signature, config, tmp_path, tmp_path / "out", Silent())
    assert "data.later-column" in warnings(summary, "size")


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"drop": ["amout"]}, "data.unknown-column"),
        ({"kinds": {"amout": "number"}}, "data.unknown-column"),
        ({"drop": ["y"]}, "data.drop-used"),
        ({"drop": ["size"], "keep": ["size"]}, "data.drop-used"),
        ({"drop": ["size", "amount"]}, "data.no-inputs"),
    ],
)
def test_names_that_are_wrong(tmp_path: Path, section: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as raised:
        run(tmp_path, {"amount": AMOUNTS, "size": [n % 7 for n in range(COUNT)]}, **section)
    assert [one.id for one in raised.value.problems] == [problem]
    if problem == "data.unknown-column":
        assert "did you mean `amount`?" in raised.value.problems[0].next_step


def test_nothing_left_to_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        run(tmp_path, {"n": list(range(COUNT))})
    assert "the column `n` numbers the rows" in raised.value.problems[0].found
