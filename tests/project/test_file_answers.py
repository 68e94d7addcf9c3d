"""Every row of a file that can be answered is, and each other row says why not, in every form of file."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from tiny_serving import picky_body, sealed

from modelwright import kinds
from modelwright.core.messages import DataError
from modelwright.core.signature import Signature
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.kinds.shared.numbers import PLAIN, NumberForm
from modelwright.project import file_answers, file_rows
from modelwright.project.declaration import project_file
from modelwright.runtime.function import Function, load
from modelwright.stages.data.config import DataConfig
from modelwright.tables.plain import PlainTable

OPENED = project_file.from_mapping(
    {
        "function": "measure(colour: category, height: number, marks: tags?, fragile: boolean?, sent: date?, "
        "note: text?) -> size: category",
        "data": {"columns": {"height": "Height in cm"}, "tag_separator": "|"},
    }
)
HEADER = ("id", "colour", "Height in cm", "marks", "fragile", "sent", "note")
ROWS = [
    ("a", "red", "9", "7.0|urgent", "yes", "2024-03-01", "dental"),
    ("b", "green", "11", None, None, None, None),
    ("c", "red", "much", None, None, None, None),  # not a number
    ("d", None, None, None, None, "soon", None),  # three things are wrong
    ("e", "1.0", "12", None, None, None, None),
]


@pytest.fixture(scope="module")
def function(packages: dict[str, Path]) -> Function:
    return load(packages["table"])


def written(folder: Path, ending: str) -> Path:
    path = folder / f"q{ending}"
    rows = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    if ending == ".parquet":
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    elif ending == ".jsonl":
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join([lines[0], "", *lines[1:2], "{broken", *lines[2:], "[1]"]) + "\n")
    else:
        apart = "\t" if ending == ".tsv" else ","
        lines = [apart.join(cell or "" for cell in row) for row in (HEADER, *ROWS)]
        path.write_text("\n".join([*lines[:3], "too,few".replace(",", apart), *lines[3:]]) + "\n")
    return path


def test_a_class_that_parquet_writes_as_a_number_is_read_by_its_name_where_training_was(
    tmp_path: Path, function: Function
) -> None:
    label = {"names": ["red", "blue"], "_type": "ClassLabel"}
    stated = json.dumps({"info": {"features": {"colour": label, "Height in cm": label}}})
    others = dict.fromkeys(("marks", "fragile", "sent", "note"), [None] * 3)
    frame = pl.DataFrame({"colour": [0, 1, 2], "Height in cm": [1, 1, 1], **others})
    frame.write_parquet(tmp_path / "q.parquet", metadata={"huggingface": stated})
    rows = file_rows.read(tmp_path / "q.parquet", OPENED.file.data)
    options: Any = {"folder": Path(), "keep": None, "probabilities": False, "batch": 2}
    found = list(file_answers.answers(rows, function, 3, OPENED, **options))
    # `blue` was never seen, nor would it be by that name; of a number it stays the number
    expected = function.predict([{"colour": one, "height": 1} for one in ("red", "1", "2")])
    assert [one.outputs for one in found] == [one.as_json() for one in expected]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("batch", [1, 2, 256])
def test_all_rows_that_can_be_answered_are(
    tmp_path: Path, function: Function, ending: str, batch: int
) -> None:
    rows = file_rows.read(written(tmp_path, ending), OPENED.file.data)
    found = list(
        file_answers.answers(
            rows, function, 3, OPENED, folder=Path(), keep=None, probabilities=False, batch=batch
        )
    )
    broken = {".csv": [3], ".tsv": [3], ".jsonl": [3, 7], ".parquet": []}[ending]
    numbers = [n for n in range(1, len(ROWS) + len(broken) + 1) if n not in broken]
    assert [answer.row for answer in found] == sorted([*numbers, *broken])
    by_id = {answer.given["id"]: answer for answer in found if answer.row not in broken}
    assert [by_id[one].row for one in "abcde"] == numbers
    assert all(answer.problems and not answer.outputs for answer in found if answer.row in broken)
    expected = function.predict(
        [{"colour": colour, "height": height} for colour, height in (("red", 9), ("green", 11), ("1", 12))]
    )
    assert [by_id[one].outputs for one in "abe"] == [one.as_json() for one in expected]
    assert [by_id[one].unseen for one in "abe"] == [(), ("colour",), ()]
    assert [(p.id, p.where) for p in by_id["c"].problems] == [
        ("request.wrong-value", f"q{ending}, row {numbers[2]}")
    ]
    assert [p.id for p in by_id["d"].problems] == [
        *("request.missing-input", "request.missing-input", "request.wrong-value")
    ]


def test_what_is_kept_is_named_and_nothing_is_taken_for_it(tmp_path: Path, function: Function) -> None:
    rows = file_rows.read(written(tmp_path, ".csv"), OPENED.file.data)

    def given(keep: list[str] | None) -> list[str]:
        found = file_answers.answers(
            rows, function, 3, OPENED, folder=Path(), keep=keep, probabilities=False, batch=256
        )
        return [*next(iter(found)).given]

    assert given(None) == list(HEADER)
    assert given([]) == []
    assert given(["id"]) == ["id"]
    with pytest.raises(DataError, match="did you mean `colour`"):
        given(["color"])


def test_a_row_on_which_the_body_fails_harms_no_other(tmp_path: Path) -> None:
    function = load(sealed(picky_body(), tmp_path / "package"))
    (tmp_path / "q.csv").write_text("height\n1\n-4\n2\n")
    opened = project_file.from_mapping({"function": str(function.signature), "data": {}})
    rows = file_rows.read(tmp_path / "q.csv", opened.file.data)
    found = list(
        file_answers.answers(
            rows, function, 3, opened, folder=Path(), keep=None, probabilities=True, batch=256
        )
    )
    assert [[p.id for p in one.problems] for one in found] == [[], ["predict.body-failed"], []]
    shares = found[0].outputs["size"]["probabilities"]
    assert isinstance(shares, dict)
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("cells", "heights"),
    [
        (["9,5", "11,25"], [9.5, 11.25]),
        (["9.5", "1\u202f111.5"], [9.5, 1111.5]),
        (["\u22129.5", "11"], [-9.5, 11]),
        (["1,111.5", "11"], [1111.5, 11]),
    ],
)
def test_numbers_are_read_as_the_file_writes_them(
    tmp_path: Path, function: Function, cells: list[str], heights: list[float]
) -> None:
    path = tmp_path / "q.csv"
    path.write_text(
        "colour;Height in cm;marks;fragile;sent;note\n" + "".join(f"red;{one};;NA;;\n" for one in cells)
    )
    rows = file_rows.read(path, OPENED.file.data)
    found = list(
        file_answers.answers(
            rows, function, 3, OPENED, folder=Path(), keep=None, probabilities=False, batch=9
        )
    )
    expected = function.predict([{"colour": "red", "height": height} for height in heights])
    assert [one.outputs for one in found] == [one.as_json() for one in expected]


def test_numbers_with_two_readings_are_asked_about(tmp_path: Path, function: Function) -> None:
    path = tmp_path / "q.csv"
    path.write_text("colour;Height in cm;marks;fragile;sent;note\nred;1,234;;;;\n")
    rows = file_rows.read(path, OPENED.file.data)
    with pytest.raises(DataError) as caught:
        list(
            file_answers.answers(
                rows, function, 3, OPENED, folder=Path(), keep=None, probabilities=False, batch=9
            )
        )
    assert caught.value.problems[0].id == "predict.two-readings"
    assert "`data.decimal: {Height in cm: ','}`" in caught.value.problems[0].next_step


@pytest.mark.parametrize(
    ("numbers", "cell", "read"),
    [
        ((), "1.234", 1.234),  # as ever
        ((NumberForm(",", "."),), "1.234", 1234.0),
        ((NumberForm(",", "."),), "1,234", 1.234),
        ((NumberForm(".", ","),), "1,234", 1234.0),
        ((NumberForm(","),), "1.234", None),  # no group of thousands was seen
        ((PLAIN, NumberForm(",", ".")), "1.234", None),
        ((NumberForm(",", "."),), "0.5", 0.5),  # a file of another country
        ((NumberForm(",", "."),), "1,234.5", 1234.5),
    ],
)
def test_in_doubt_a_file_is_read_as_the_data_was(
    numbers: tuple[NumberForm, ...], cell: str, read: float | None
) -> None:
    table = PlainTable("q.csv", {"height": [cell]}, 1)
    function = SimpleNamespace(
        signature=Signature.parse("f(height: number) -> y: category"),
        settled={"height": SettledCells(numbers=numbers)},
    )

    def options() -> CellOptions:
        return file_answers.written(table, {"height": "height"}, function, DataConfig())["height"]  # type: ignore[arg-type]

    if read is None:
        with pytest.raises(DataError) as caught:
            options()
        assert caught.value.problems[0].id == "predict.two-readings"
    else:
        assert kinds.value("number").read_cell(cell, options()) == read


@pytest.mark.parametrize(("form", "day"), [("%d/%m/%Y", "2024-04-05"), ("%m/%d/%Y", "2024-05-04")])
def test_in_doubt_days_are_those_of_the_data(form: str, day: str) -> None:
    table = PlainTable("q.csv", {"sent": ["05/04/2024"]}, 1)
    function = SimpleNamespace(
        signature=Signature.parse("f(sent: date) -> y: category"),
        settled={"sent": SettledCells(dates=(form,))},
    )
    options = file_answers.written(table, {"sent": "sent"}, function, DataConfig())  # type: ignore[arg-type]
    assert kinds.value("date").read_cell("05/04/2024", options["sent"]) == day


def test_dates_in_another_form_are_read_and_those_in_doubt_are_not(
    tmp_path: Path, function: Function
) -> None:
    def answered(*days: str, **stated: object) -> list[str | None]:
        opened = project_file.from_mapping(
            {
                "function": "measure(colour: category, height: number, marks: tags?, fragile: boolean?, sent: date?, "
                "note: text?) -> size: category",
                "data": {"columns": {"height": "Height in cm"}, **stated},
            }
        )
        cells = [f"red,9,,,{day},\n" for day in days]
        (tmp_path / "q.csv").write_text("colour,Height in cm,marks,fragile,sent,note\n" + "".join(cells))
        rows = file_rows.read(tmp_path / "q.csv", opened.file.data)
        found = file_answers.answers(
            rows, function, 3, opened, folder=Path(), keep=None, probabilities=False, batch=2
        )
        return [one.problems[0].id if one.problems else None for one in found]

    assert answered("31.12.2024", "1.2.2025", "2024-03-01") == [None, None, None]
    assert answered("12/31/2024", "13/31/2024") == [None, "request.wrong-value"]
    with pytest.raises(DataError) as caught:
        answered("01/02/2024", "03/04/2024")
    assert caught.value.problems[0].id == "data.two-days"
    assert answered("01/02/2024", "03/04/2024", dates={"sent": "%d/%m/%Y"}) == [None, None]


@pytest.mark.parametrize(
    ("name", "text", "ids", "rows"),
    [
        (
            "q.csv",
            "colour,Height in cm,marks,fragile,sent,note\nred,9\n\nred\n",
            {"predict.row-width"},
            [1, 2],
        ),
        (
            "q.jsonl",
            '{"height": \n\n[1]\nnull\n{"a": 1, "a": 2}',
            {"data.json", "data.json-shape"},
            [1, 2, 3, 4],
        ),
    ],
)
def test_where_no_row_can_be_read_each_is_named(
    tmp_path: Path, function: Function, name: str, text: str, ids: set[str], rows: list[int]
) -> None:
    (tmp_path / name).write_text(text)
    read = file_rows.read(tmp_path / name, OPENED.file.data)
    found = list(
        file_answers.answers(
            read, function, 3, OPENED, folder=Path(), keep=["colour"], probabilities=False, batch=2
        )
    )
    assert [one.row for one in found] == rows
    assert {problem.id for one in found for problem in one.problems} == ids
    assert [one.problems[0].where for one in found] == [
        f"{name}, row {row}" + (f" (line {line})" if line else "")
        for row, line in zip(rows, [1, 3, 4, 5] if name == "q.jsonl" else [None, None], strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [("q.csv", "colour,Height in cm,marks,fragile,sent,note\n", "red,9\n"), ("q.jsonl", "", "{broken\n")],
)
def test_rows_that_are_none_take_no_room_for_their_messages(
    tmp_path: Path, name: str, header: str, row: str
) -> None:
    count = 20_000
    (tmp_path / name).write_text(header + row * count)
    tracemalloc.start()
    try:
        read = file_rows.read(tmp_path / name, OPENED.file.data)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read.broken) == count
    assert held < 250 * count  # a message with its values has more than 500 bytes
