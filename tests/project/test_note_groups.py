"""Warnings on a screen: by what there is to do, each said once, and the rows behind them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelwright.core.messages import Notice, Phrase, StateError
from modelwright.project.facade import Project
from modelwright.project.notes.note_groups import ToDo, grouped, to_do
from modelwright.project.results.stage_warnings import warning_row, warning_rows
from modelwright.project.results.table_rows import WarningRow


def row(id_: str, column: str | None = None, fix: str | None = None) -> WarningRow:
    return WarningRow("data", id_, column, 3, f"{column} is odd", fix)


def test_a_warning_with_a_setting_is_a_decision_and_what_is_done_is_last() -> None:
    rows = [
        row("data.optional-column", "a"),
        row("data.few-rows", "b"),
        row("data.identifier", "c", "keep it"),
    ]
    assert [to_do(one) for one in rows] == [ToDo.NOTHING, ToDo.KNOW, ToDo.DECIDE]
    assert list(grouped(rows)) == [
        "! To decide (1):",
        "  data: c is odd: keep it",
        "* Good to know (1):",
        "  data: b is odd",
        "Nothing to do (1):",
        "  data: a is odd",
    ]


@pytest.mark.parametrize(
    ("id_", "count", "rows", "group"),
    [
        ("plan.cut-texts", 17, 6445, ToDo.KNOW),
        ("plan.cut-texts", 65, 6445, ToDo.DECIDE),
        ("evaluate.unseen", 9, 1000, ToDo.KNOW),
        ("evaluate.unseen", 10, 1000, ToDo.DECIDE),
        ("data.identifier", 3, None, ToDo.DECIDE),  # a count of columns is no share of rows
        ("data.nearly", 3, 6445, ToDo.DECIDE),  # three cells that make a column of numbers one of texts
        ("data.repeats", 3000, 6445, ToDo.NOTHING),
    ],
)
def test_what_concerns_less_than_one_row_in_a_hundred_calls_for_no_decision(
    id_: str, count: int, rows: int | None, group: ToDo
) -> None:
    one = WarningRow("plan", id_, "x", count, "x is odd", "say so", rows)
    assert to_do(one) is group
    assert to_do(replace(one, fix=None)) is (group if group is ToDo.NOTHING else ToDo.KNOW)


@pytest.mark.parametrize(("rows", "kept"), [(1000, 1000), (["r1", "r2"], None)])
def test_of_how_many_rows_a_count_is_a_part_is_kept(rows: object, kept: int | None) -> None:
    unseen = Notice("evaluate.unseen", column="x", count=9, rows=1000, values=["a"], more=None, span=None)
    heavy = Notice("numbers.heavy-rows", column="x", count=2, rows=rows, share="30 %")
    assert warning_row("evaluate", unseen if rows == 1000 else heavy).rows == kept


def test_many_alike_are_said_once_and_named_all() -> None:
    lines = list(grouped([row("data.identifier", name, "keep it") for name in "abcdef"]))
    assert lines == ["! To decide (6):", "  data: a is odd; likewise `b`, `c`, `d`, `e`, `f`: keep it"]
    assert len(list(grouped([row("data.identifier", name) for name in "abc"]))) == 4
    assert len(list(grouped([row("data.few-rows", "a"), row("data.few-rows", "a")]))) == 2
    assert list(grouped([])) == []


def test_what_is_advised_for_one_column_is_not_said_of_one_that_needs_another() -> None:
    rows = [row("plan.fill", name, f"write {{missing: {{{name}: [-999]}}}}") for name in "abcd"]
    other = row("plan.fill", "e", "write {missing: {e: [-1]}}")
    lines = list(grouped([*rows, other]))
    assert lines[1:] == [
        "  data: a is odd; likewise `b`, `c`, `d`: write {missing: {a: [-999]}}",
        "  data: e is odd: write {missing: {e: [-1]}}",
    ]
    every = [row("plan.fill", f"c{one}", f"write {one}") for one in range(30)]
    lines = list(grouped(every))[1:]
    assert [line.rpartition(": ")[2] for line in lines[:-1]] == [
        f"write {one}" for one in range(len(lines) - 1)
    ]
    assert len(lines) < 12
    assert all(f"`c{one}`" in lines[-1] for one in range(len(lines) - 1, 30))
    assert "--json" in lines[-1]


@pytest.mark.parametrize(
    "sealed",
    [
        Notice("data.repeats", count=3, split="train", rows=30),
        Notice("data.conflicts", column="y", count=3, split="train"),
        Notice("data.also-in", count=3, split="test", dropped=True),
        Notice("data.refused-rows", count=3, split="train", rows=30),
    ],
)
def test_what_an_earlier_version_sealed_is_worded(sealed: Notice) -> None:
    artifact = SimpleNamespace(stage="data", summary={"warnings": [sealed.to_wire()]})
    (found,) = warning_rows(artifact)
    assert "3 in t" in found.text


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("rows")
    chance = random.Random(1)
    rows = [f"{chance.randrange(20)},{chance.choice('ab')}" for _ in range(300)]
    (folder / "a.csv").write_text("\n".join(["size,y", *rows, "many,a"]))
    made = Project(
        {"function": "f(size: number) -> y: category", "data": {"source": "a.csv", "invalid": "drop"}},
        folder=folder,
    )
    made.run(to="data")
    return made


@pytest.mark.parametrize("which", ["set-aside", "repeated", "conflicting"])
def test_the_rows_behind_a_warning_are_shown(project: Project, which: str) -> None:
    report = project.show("rows", which)
    assert isinstance(report.data, list)
    if which == "set-aside":
        assert [one["row"] for one in report.data] == [301]
        assert "many" in report.text
    else:
        assert 0 < len(report.data) <= 40
        assert {one["split"] for one in report.data} == {"train", "validation"}  # no test row
        assert all(len(one["rows"]) > 1 for one in report.data)
    if which == "conflicting":
        assert all(len({str(answer) for answer in one["rows"].values()}) > 1 for one in report.data)
    assert report.title.startswith(f"{len(report.data)} ")


def test_rows_need_to_be_named(project: Project) -> None:
    with pytest.raises(StateError) as raised:
        project.show("rows")
    assert [one.id for one in raised.value.problems] == ["show.no-rows"]


def test_every_class_may_go_untested(tmp_path: Path) -> None:
    rows = [f"{n},{'ab'[n % 2]}" for n in range(200)] + ["300,rare", "301,rarer"]
    (tmp_path / "a.csv").write_text("\n".join(["size,y", *rows]))
    data = {"source": "a.csv", "untested": "*", "split": {"key": "x"}}
    report = Project({"function": "f(size: number) -> y: category", "data": data}, folder=tmp_path).check()
    (found,) = (one for one in report.warnings if one.id == "data.untested-classes")
    assert found.column == "y"
    assert "rare" in found.text
    assert str(Phrase("note.group", group="know", count=1)) == "Good to know (1):"
