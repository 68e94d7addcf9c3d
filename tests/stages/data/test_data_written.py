"""How the cells of a source are written is seen, said, and can be stated."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data

PLAIN = [f"{n / 4}" for n in range(120)]


def run(
    folder: Path, x: Sequence[str], *, kind: str = "number", name: str = "a.csv", **config: object
) -> tuple[list[float | str | None], dict[str, Notice]]:
    """Return the values of `x` in the order of the rows, and the notices by id."""
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["n", "x", "y"])
        writer.writerows([n, cell, "ab"[n % 2]] for n, cell in enumerate(x))
    signature = Signature.parse(f"f(n: number, x: {kind}) -> y: category")
    summary = data(
        signature, DataConfig.model_validate({"source": name, **config}), folder, folder / "out", Silent()
    )
    rows = pl.concat([pl.read_parquet(folder / f"out/{split}/rows.parquet") for split in SPLITS])
    found = [Notice.from_wire(one) for one in summary["warnings"]]  # type: ignore[arg-type, union-attr]
    return rows.sort("n")["x"].to_list(), {one.id: one for one in found if one.values.get("column") == "x"}


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda n: f"{n / 4:.2f}".replace(".", ","), "data.number-form"),
        (lambda n: f"{n * 1234.5:,.1f}", "data.number-form"),
        (lambda n: f"{n * 1234.5:,.1f}".replace(",", "\u202f").replace(".", ","), "data.number-form"),
        (lambda n: f"{n * 1234.5:,.1f}".replace(",", "'"), "data.number-form"),
        (lambda n: f"{-n / 4}".replace("-", "\u2212"), "data.number-signs"),
        (lambda n: f"{n + 1:d},{n + 100:d}", "data.two-readings"),
    ],
)
def test_numbers_in_other_forms_are_read_and_it_is_said(tmp_path: Path, write, says: str) -> None:  # type: ignore[no-untyped-def]
    values, notices = run(tmp_path, [write(n) for n in range(120)])
    assert set(notices) == {says}
    assert all(isinstance(value, float) for value in values)
    assert int(notices[says].values["count"]) >= 100  # type: ignore[call-overload]


def test_a_doubt_is_settled_by_what_is_stated(tmp_path: Path) -> None:
    cells = [f"{n + 1},{n + 100}" for n in range(120)]
    values, notices = run(tmp_path, cells)
    assert values[0] == 1100.0
    assert "1.1" in notices["data.two-readings"].found
    assert "`data.decimal: {x: ','}`" in notices["data.two-readings"].next_step
    assert run(tmp_path, cells, decimal={"x": ","}) == ([float(cell.replace(",", ".")) for cell in cells], {})
    assert run(tmp_path, cells, thousands=",") == ([float(cell.replace(",", "")) for cell in cells], {})


def test_another_column_of_the_file_decides_and_the_doubt_is_said(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8") as file:
        file.write("x;z;y\n" + "".join(f"{n + 1}.{n + 100};{n},5;{'ab'[n % 2]}\n" for n in range(120)))
    summary = data(
        Signature.parse("f(x: number, z: number) -> y: category"),
        DataConfig(source=("a.csv",)),
        tmp_path,
        tmp_path / "out",
        Silent(),
    )
    rows = pl.read_parquet(tmp_path / "out/train/rows.parquet")
    assert (rows["x"] >= 1100).all()
    of_columns = {one["id"]: one["values"].get("column") for one in summary["warnings"]}  # type: ignore[index, call-overload, union-attr]
    assert (of_columns["data.two-readings"], of_columns["data.number-form"]) == ("x", "z")


def test_each_file_has_its_own_form(tmp_path: Path) -> None:
    for name, sign in (("train.csv", "."), ("test.csv", ",")):
        lines = [f"{n}{sign}5;{'ab'[n % 2]}" for n in range(60)]
        (tmp_path / name).write_text("x;y\n" + "\n".join(lines))
    data(
        Signature.parse("f(x: number) -> y: category"),
        DataConfig(train=("train.csv",), test=("test.csv",), repeated="keep"),
        tmp_path,
        tmp_path / "out",
        Silent(),
    )
    assert pl.read_parquet(tmp_path / "out/test/rows.parquet")["x"].sum() == sum(n + 0.5 for n in range(60))


@pytest.mark.parametrize("word", ["NA", "n/a", "NaN", "null", "-", "?", "#N/A"])
def test_words_for_nothing_are_counted_and_said(tmp_path: Path, word: str) -> None:
    values, notices = run(tmp_path, [*PLAIN[:-9], *[word] * 9], kind="number?")
    assert values[-9:] == [None] * 9
    assert set(notices) == {"data.missing-words"}
    assert notices["data.missing-words"].values["count"] == 9
    assert notices["data.missing-words"].next_step.endswith("`data.missing: {x: []}`")
    with pytest.raises(DataError, match="must be a number"):
        run(tmp_path, [*PLAIN[:-9], *[word] * 9], kind="number?", missing={"x": []})


def test_a_word_where_a_value_is_required_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(tmp_path, [*PLAIN[:-9], *["NA"] * 9])
    assert caught.value.problems[0].id == "data.missing-value"
    assert "where `NA` stands for a missing one; 9 such rows" in caught.value.problems[0].found


def test_a_word_that_is_a_name_is_kept_and_said(tmp_path: Path) -> None:
    cells = ["NA", "DE", "FR", "None"] * 30
    values, notices = run(tmp_path, cells, kind="category?")
    assert values == cells
    assert notices["data.word-as-name"].values["count"] == 60
    assert notices["data.word-as-name"].next_step.endswith("`data.missing: {x: [NA, None]}`")
    values, notices = run(tmp_path, cells, kind="category?", missing={"x": "None"})
    assert values == ["NA", "DE", "FR", None] * 30
    assert notices["data.missing-words"].values["count"] == 30


@pytest.mark.parametrize("stated", [-999, [-999.0], {"x": ["-999", None]}])
def test_numbers_for_nothing_can_be_stated(tmp_path: Path, stated: object) -> None:
    values, notices = run(tmp_path, [*PLAIN[:-2], "-999", "-999.0"], kind="number?", missing=stated)
    assert values[-3:] == [29.25, None, None]
    assert notices["data.missing-words"].values["count"] == 2


@pytest.mark.parametrize("setting", ["missing", "decimal", "thousands"])
def test_an_unknown_column_is_named_with_the_near_one(tmp_path: Path, setting: str) -> None:
    with pytest.raises(DataError) as caught:
        run(tmp_path, PLAIN, **{setting: {"xx": ","}})
    problem = caught.value.problems[0]
    assert (problem.id, problem.values["setting"], problem.values["near"]) == (
        "data.unknown-cells",
        setting,
        "x",
    )


def test_one_sign_cannot_mean_both() -> None:
    with pytest.raises(ValueError, match=r"data\.decimal"):
        DataConfig(decimal=",", thousands=",")


@pytest.mark.parametrize(
    "line",
    [
        "5.1,3.5,setosa",
        "1,1,a",
        "2,5;3,5;a",
        "17\t2.5\tb",
        "怎么弄？\t怎么开？\t是",
        "I can not open the door,help,no",
        "a,b,1",
    ],
)
def test_a_header_that_is_missing_is_said_to_be(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.csv").write_text(f"{line}\n" * 30)
    with pytest.raises(DataError) as caught:
        data(
            Signature.parse("f(x: number, z: number) -> y: category"),
            DataConfig(source=("a.csv",)),
            tmp_path,
            tmp_path / "out",
            Silent(),
        )
    assert [problem.id for problem in caught.value.problems] == ["data.no-header"]


@pytest.mark.parametrize("line", ["x,2019,note,other", "State,Churn?,Plan", "a,b,c"])
def test_names_that_look_odd_are_names_where_one_is_known_or_none_is_a_value(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "a.csv").write_text(f"{line}\n" + "1,2,3,4\n" * 30)
    signature = Signature.parse("f(x: number, z: number) -> y: category")
    with pytest.raises(DataError) as caught:
        data(signature, DataConfig(source=("a.csv",)), tmp_path, tmp_path / "out", Silent())
    assert "data.no-header" not in {problem.id for problem in caught.value.problems}


@pytest.mark.parametrize("stated", ["tab", "\\t", "\t"])
def test_a_tab_can_be_stated(stated: str) -> None:
    assert DataConfig(separator=stated).separator == "\t"


@pytest.mark.parametrize("stated", ["|1x3", "", ";;", '"', "\n", "a", "1", 3])
def test_what_is_no_separator_is_refused(stated: object) -> None:
    with pytest.raises(ValueError, match="is no separator"):
        DataConfig.model_validate({"separator": stated})


def test_vectors_of_another_length_than_most_are_refused(tmp_path: Path) -> None:
    cells = [f"[{n}, 1, 2]" for n in range(120)]
    odd = ["[1, 2]", *cells[1:]]
    with pytest.raises(DataError) as error:
        run(tmp_path, odd, kind="vector")
    assert "a list of 2 numbers in row 1 (must have 3, as all others of its column)" in str(error.value)
    values, _ = run(tmp_path, odd, kind="vector", invalid="drop")
    assert len(values) == 119
    assert run(tmp_path, cells, kind="vector")[0][1] == [1.0, 1.0, 2.0]


def days(form: str, *, early: bool = False) -> list[str]:
    begin = date(2023, 1, 1)
    found = [begin + timedelta(days=3 * n) for n in range(400)]
    return [one.strftime(form) for one in found if not early or one.day <= 12][:120]


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y%m%d", "%d %b %Y", "%Y年%m月%d日"])
def test_dates_in_other_forms_are_read_and_it_is_said(tmp_path: Path, form: str) -> None:
    values, notices = run(tmp_path, days(form), kind="date")
    assert values == days("%Y-%m-%d")
    assert set(notices) == {"data.date-form"}
    assert notices["data.date-form"].values["count"] == 120
    assert form in notices["data.date-form"].next_step
    assert run(tmp_path, days(form), kind="date", dates={"x": form}) == (values, {})
    assert run(tmp_path, days("%Y-%m-%d"), kind="date")[1] == {}


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"])
def test_dates_that_are_two_days_each_are_never_guessed(tmp_path: Path, form: str) -> None:
    cells = days(form, early=True)
    with pytest.raises(DataError) as error:
        run(tmp_path, cells, kind="date")
    (problem,) = error.value.problems
    assert problem.id == "data.two-days"
    assert f"data.dates: {{x: '{form}'}}" in str(problem) or f'data.dates: {{x: "{form}"}}' in str(problem)
    values, notices = run(tmp_path, cells, kind="date", dates={"x": form})
    assert values == days("%Y-%m-%d", early=True)
    assert not notices
    assert run(tmp_path, cells, kind="date", dates=form)[0] == values


def test_a_form_of_dates_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each once"):
        run(tmp_path, days("%d.%m.%Y"), kind="date", dates={"x": "dd.mm.yyyy"})
    with pytest.raises(DataError, match="of the form"):
        run(tmp_path, ["31.02.2023", *days("%d.%m.%Y")[1:]], kind="date")
