"""Numbers as people and programs write them: decimal signs, thousands, minus signs, and words for nothing."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.missing_words import MISSING_WORDS
from modelwright.kinds.shared.numbers import NumberForm, candidates, found_form, read_number
from modelwright.testing.kinds.column_checks import assert_column
from modelwright.testing.kinds.tried import quick

NUMBER = kinds.facet("number", Column)
FORMS = candidates()


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "values"),
    [
        (["3,5", "1,234"], ",", None, [3.5, 1.234]),
        (["1,234.5", "7"], ".", ",", [1234.5, 7]),
        (["1.234,5", "1.234"], ",", ".", [1234.5, 1234]),
        (["1\u202f234,5", "2 000"], ",", " ", [1234.5, 2000]),
        (["1\u00a0234", "5"], ".", " ", [1234, 5]),
        (["1'234.5", "1\u2019234"], ".", "'", [1234.5, 1234]),
        (["12,34,567", "1,00,000.5"], ".", ",", [1234567, 100000.5]),
        (["\u22123.5", "\u20132"], ".", None, [-3.5, -2]),
        (["\u22121.234,5", "1"], ",", ".", [-1234.5, 1]),
        (["0,123", "0,5"], ",", None, [0.123, 0.5]),
        (["1,5e3", "2"], ",", None, [1500, 2]),
        (["$1,234.50", "$7.00"], ".", ",", [1234.5, 7]),
        (["-$5.25", "$-2.00", "+$3"], ".", None, [-5.25, -2, 3]),
        (["12 \u20ac", "1.234,5 \u20ac"], ",", ".", [12, 1234.5]),
        (["\uffe51,234.5", "\u00a5 7"], ".", ",", [1234.5, 7]),
        (["5 %", "12.5%"], ".", None, [5, 12.5]),
    ],
)
def test_the_form_of_a_column_is_seen(
    cells: list[str], decimal: str, thousands: str | None, values: list[float]
) -> None:
    found = found_form([(cell, 1) for cell in cells])
    assert (found.form, found.reads, found.rival) == (NumberForm(decimal, thousands), len(cells), None)
    assert [read_number(cell, found.form) for cell in cells] == values
    survey = NUMBER.survey(lambda: [pl.Series(cells[:1]), pl.Series(cells[1:])])
    assert survey.numbers is not None
    assert survey.numbers.form() == found
    assert NUMBER.parse(pl.Series(cells), CellOptions(number=found.form)).values.to_list() == values


@pytest.mark.parametrize(
    ("cells", "chosen", "rival"),
    [
        (["1,234", "12"], NumberForm(".", ","), NumberForm(",")),
        (["1,234"] * 100 + ["1,5"], NumberForm(","), NumberForm(".", ",")),  # one cell may be a slip
        (["1.234", "5.678"], NumberForm(), NumberForm(",", ".")),
    ],
)
def test_two_readings_are_a_doubt(cells: list[str], chosen: NumberForm, rival: NumberForm) -> None:
    found = found_form([(cell, 1) for cell in cells])
    assert (found.form, found.rival, found.example) == (chosen, rival, cells[0])


def test_what_is_stated_leaves_no_doubt() -> None:
    cells = [("1,234", 5)]
    assert found_form(cells, decimal=",").rival is None
    assert found_form(cells, decimal=",").form.decimal == ","
    assert found_form(cells, thousands=",").form == NumberForm(".", ",")
    assert found_form(cells, decimal=".").rival is None


@given(
    number=st.floats(-1e12, 1e12).map(lambda one: round(one, 2)),
    form=st.sampled_from(FORMS),
    minus=st.sampled_from("-\u2212"),
)
@quick
def test_a_written_number_reads_back(number: float, form: NumberForm, minus: str) -> None:
    groups = "," if form.thousands else ""
    text = f"{number:{groups}.2f}".translate(
        {ord(","): form.thousands, ord("."): form.decimal, ord("-"): minus}
    )
    assert read_number(text, form) == number


@given(
    cells=st.lists(
        st.text("0123456789.,' -\u2212\u202fe", max_size=9) | st.sampled_from(["NA", "-", "1,234"])
    ),
    form=st.sampled_from(FORMS),
    missing=st.sampled_from([None, (), ("NA",), ("-999", "1")]),
)
@quick
def test_a_column_reads_as_its_cells_do(
    cells: list[str], form: NumberForm, missing: tuple[str, ...] | None
) -> None:
    assert_column(NUMBER, cells, CellOptions(number=form, missing=missing))


@pytest.mark.parametrize("name", ["number", "boolean", "date"])
@pytest.mark.parametrize("word", sorted(MISSING_WORDS))
def test_words_for_nothing_are_missing_where_they_are_no_values(name: str, word: str) -> None:
    value = kinds.value(name)
    assert value.read_cell(word) is None
    assert value.read_cell(f" {word.upper()} ") is None
    with pytest.raises(ValueProblem):
        value.read_cell(word, CellOptions(missing=()))


@pytest.mark.parametrize("name", ["category", "text", "tags"])
@pytest.mark.parametrize("word", ["NA", "None", "?", "-"])
def test_elsewhere_they_are_values_until_it_is_stated(name: str, word: str) -> None:
    value, column = kinds.value(name), kinds.facet(name, Column)
    assert value.read_cell(word) is not None
    assert value.read_cell(word, CellOptions(missing=(word,))) is None
    cells = pl.Series([word, "a", None, word])
    assert column.survey(lambda: [cells]).names == {word: 2}
    stated = CellOptions(missing=(word,))
    assert column.survey(lambda: [cells], stated).missing == {word: 2}
    assert column.parse(cells, stated).values.null_count() == 3


@pytest.mark.parametrize("cells", [[-999, 5], [-999.0, 5.0], ["-999", "5"], ["-999.0", "5"], [-999, "5"]])
def test_a_number_may_stand_for_nothing(cells: list[object]) -> None:
    column = pl.Series(cells) if len(set(map(type, cells))) == 1 else pl.Series(cells, dtype=pl.Object)
    options = CellOptions(missing=("-999",))
    assert NUMBER.parse(column, options).values.to_list() == [None, 5.0]
    if column.dtype != pl.Object:
        assert NUMBER.survey(lambda: [column], options).missing.total() == 1


@pytest.mark.parametrize("name", [name for name in kinds.having(Column) if name != "tags"])
def test_nan_is_missing_in_a_typed_column(name: str) -> None:
    assert kinds.value(name).read_cell(float("nan")) is None
    column = kinds.facet(name, Column)
    assert column.parse(pl.Series([float("nan")])).values.to_list() == [None]
    assert column.survey(lambda: [pl.Series([float("nan"), 1.0])]).missing == {"NaN": 1}
