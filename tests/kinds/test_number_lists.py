"""Cells of text that are several numbers, as vectors and series have them: signs between them, and decimal commas."""

from __future__ import annotations

import polars as pl
import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem, catalog
from modelwright.kinds.contract.cells import CellOptions, Survey
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.settled_cells import SettledCells, SettledReader
from modelwright.kinds.shared.numbers import PLAIN, NumberForm, candidates

KINDS = ["vector", "timeseries"]
COMMA = NumberForm(",")


def survey(kind: str, cells: list[object], *, thorough: bool = False, decimal: str | None = None) -> Survey:
    options = CellOptions(forms=candidates(decimal))
    column = pl.Series(cells, dtype=None if isinstance(cells[0], str) else pl.Object)
    return kinds.facet(kind, Column).survey(lambda: [column[:1], column[1:]], options, thorough=thorough)


def listed(kind: str, cell: object, form: NumberForm = PLAIN) -> object:
    value = kinds.value(kind)
    return value.to_json(value.read_cell(cell, CellOptions(number=form)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cells", "form", "lists"),
    [
        (["1,5;2,5", "-0,25; 3"], COMMA, [[1.5, 2.5], [-0.25, 3]]),
        (["1,5 2,5", "-0,25\t3"], COMMA, [[1.5, 2.5], [-0.25, 3]]),
        (["1.234,5;2", "7;1.000.000"], NumberForm(",", "."), [[1234.5, 2], [7, 1e6]]),
        (["1,234.5;2", "7;1,000,000"], NumberForm(".", ","), [[1234.5, 2], [7, 1e6]]),
        (["\u22121,5;2", "1;2,5"], COMMA, [[-1.5, 2], [1, 2.5]]),
        (["1.5;2.5", "3;4"], PLAIN, [[1.5, 2.5], [3, 4]]),
        (["1.5,2.5", "3,4"], PLAIN, [[1.5, 2.5], [3, 4]]),
        (["1, 2, 3", "4, 5, 6"], PLAIN, [[1, 2, 3], [4, 5, 6]]),
        (["0.5 0.25", "1e3 2"], PLAIN, [[0.5, 0.25], [1000, 2]]),
        (["[1.5, 2]", "[3,4]"], PLAIN, [[1.5, 2], [3, 4]]),
        (["001,002", "010,011"], PLAIN, [[1, 2], [10, 11]]),
    ],
)
def test_the_form_of_a_column_is_seen(
    kind: str, cells: list[str], form: NumberForm, lists: list[list[float]]
) -> None:
    for thorough in (False, True):
        found = survey(kind, [*cells], thorough=thorough).numbers
        assert found is not None
        assert (found.form().form, found.form().rival) == (form, None)
    assert [listed(kind, cell, form) for cell in cells] == lists
    parsed = kinds.facet(kind, Column).parse(pl.Series(cells), CellOptions(number=form))
    assert not parsed.refused
    assert kinds.value(kind).number_cells(cells, CellOptions()).form().form == form  # type: ignore[union-attr]


def test_lengths_of_a_column_are_those_of_its_form() -> None:
    assert survey("vector", ["1,5;2,5", "0,5;1,5", "1,5;2,5;3,5"]).lengths == {2: 2, 3: 1}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_with_two_readings_are_a_doubt(kind: str) -> None:
    found = survey(kind, ["12;1,234", "2;3"])
    assert found.numbers is not None
    read = found.numbers.form()
    assert (read.form, read.rival, read.example) == (NumberForm(".", ","), COMMA, "1,234")
    assert survey(kind, ["12;1,234", "2;3"], decimal=",").numbers.form().rival is None  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", KINDS)
def test_cells_that_are_lists_already_say_nothing(kind: str) -> None:
    found = survey(kind, [[1.5, 2.5], [3.5, 4.5]])
    assert found.numbers is not None
    assert found.numbers.cells == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cell", "form", "why"),
    [
        ("1,200,0,063,1,384", PLAIN, "value.commas"),
        ("0,00,1", PLAIN, "value.commas"),
        ("[1,5, 2,5]", COMMA, "value.commas"),
        ("1,5;2,5", PLAIN, None),
        ("1.5;2.5", COMMA, None),
        ("1,5", COMMA, None),  # one number
        ("1,5,2,5", COMMA, None),
        ("1,5|2,5", COMMA, None),
        ("[1,5; 2,5]", COMMA, None),
    ],
)
def test_no_comma_is_taken_for_another(kind: str, cell: str, form: NumberForm, why: str | None) -> None:
    with pytest.raises(ValueProblem) as problem:
        listed(kind, cell, form)
    expected = why or {"vector": "value.not-a-vector", "timeseries": "value.not-a-series"}[kind]
    assert problem.value.message.id == expected
    for language in ("en", "zh"):
        with catalog.speaking(language):
            assert "{" not in problem.value.rule


@pytest.mark.parametrize("kind", KINDS)
def test_where_it_was_learned_so_it_is_read_so_at_every_door(kind: str) -> None:
    value = kinds.value(kind)
    reader = SettledReader(value, SettledCells(numbers=(COMMA,)))
    assert value.to_json(reader.cell("1,5;2,5")) == [1.5, 2.5]
    assert value.to_json(reader.cell("[1.5, 2.5]")) == [1.5, 2.5]
    assert value.to_json(reader.cell("1.5;2.5")) == [1.5, 2.5]  # as a program writes it
    assert value.to_json(reader.json([1.5, 2.5])) == [1.5, 2.5]


def test_gaps_of_a_series_stay() -> None:
    assert listed("timeseries", "1,5;;NA;2,5;", COMMA) == [1.5, None, None, 2.5]
