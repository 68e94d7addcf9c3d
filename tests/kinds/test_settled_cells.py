"""What is given at a door is read as the cells of the training data were, or refused where that is two values."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.contract.settled_cells import NOT_SETTLED, SettledCells, SettledReader
from modelwright.kinds.shared.numbers import PLAIN, NumberForm

GERMAN, SWISS = NumberForm(",", "."), NumberForm(".", "'")
COMMA = NumberForm(",")


def reader(kind: str, **settled: Any) -> SettledReader:
    return SettledReader(kinds.value(kind), SettledCells(**settled))


@pytest.mark.parametrize(
    ("numbers", "cell", "value"),
    [
        ((GERMAN,), "1.234,50", 1234.5),
        ((GERMAN,), "1.234", 1234.0),
        ((GERMAN,), "1,5", 1.5),
        ((GERMAN,), "1.5", 1.5),  # no number there, and one alone to programs
        ((GERMAN,), "-1e3", -1000.0),
        ((GERMAN,), 1.234, 1.234),
        ((COMMA,), "1,234", 1.234),
        ((COMMA,), "1 234,5", 1234.5),  # a group of thousands that the data did not have
        ((COMMA,), "12.5", 12.5),
        ((SWISS,), "1'234.5", 1234.5),
        ((PLAIN, COMMA), "1,5", 1.5),
        ((PLAIN, COMMA), "1.5", 1.5),
        ((GERMAN,), "k.A.", None),
        ((GERMAN,), "-999", None),
        ((GERMAN,), -999, None),
        ((GERMAN,), " ", None),
        ((GERMAN,), math.nan, None),
    ],
)
def test_numbers_in_the_forms_of_the_data(numbers, cell: object, value: float | None) -> None:  # type: ignore[no-untyped-def]
    assert reader("number", numbers=numbers, missing=("k.A.", "-999")).cell(cell) == value


@pytest.mark.parametrize(
    ("numbers", "cell"),
    [
        ((COMMA,), "1.234"),  # a thousand where thousands are grouped, little more than one to a program
        ((PLAIN, GERMAN), "1.234"),
        ((NumberForm(".", ","), GERMAN), "1,234"),
    ],
)
def test_a_number_that_reads_as_two_is_refused(numbers, cell: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueProblem) as refused:
        reader("number", numbers=numbers).cell(cell)
    assert refused.value.message.id == "value.two-readings"
    assert set(refused.value.message.values["read"]) == {"1234", "1.234"}  # type: ignore[call-overload]


@pytest.mark.parametrize("cell", ["1,5", "1,234", "1 234", "1.2.3"])
def test_where_numbers_are_plain_nothing_else_is_guessed(cell: str) -> None:
    with pytest.raises(ValueProblem):
        reader("number").cell(cell)


@pytest.mark.parametrize("read", ["cell", "json"])
@pytest.mark.parametrize(
    ("dates", "cell", "value"),
    [
        (("%d.%m.%Y",), "31.12.2024", "2024-12-31"),
        (("%d.%m.%Y",), "2024-12-31", "2024-12-31"),
        (("%m/%d/%Y",), "05/04/2024", "2024-05-04"),
        (("%d/%m/%Y",), "05/04/2024", "2024-04-05"),
        (("%d/%m/%Y", "%m/%d/%Y"), "25/04/2024", "2024-04-25"),
        (("%d.%m.%Y",), "NA", None),
        (("%d.%m.%Y",), "", None),
        ((), "2024-12-31", "2024-12-31"),
    ],
)
def test_dates_in_the_forms_of_the_data_as_cells_and_in_requests(dates, cell, value, read: str) -> None:  # type: ignore[no-untyped-def]
    assert getattr(reader("date", dates=dates), read)(cell) == value


@pytest.mark.parametrize("read", ["cell", "json"])
@pytest.mark.parametrize(
    ("dates", "cell"),
    [
        ((), "31.12.2024"),
        (("%d.%m.%Y",), "12/31/2024"),
        (("%d.%m.%Y",), "31.02.2024"),
        (("%d/%m/%Y", "%m/%d/%Y"), "05/04/2024"),
        (("%d.%m.%Y",), True),
    ],
)
def test_other_dates_are_refused(dates, cell: object, read: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueProblem):
        getattr(reader("date", dates=dates), read)(cell)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("category", "n/k"),
        ("category", -999),
        ("category", "-999"),
        ("text", "n/k"),
        ("number", -999),
        ("number", -999.0),
        ("number", math.nan),
        ("date", "n/k"),
        ("boolean", None),
    ],
)
def test_what_stood_for_nothing_does_in_a_request(kind: str, given: object) -> None:
    assert reader(kind, missing=("n/k", "-999")).json(given) is None


@pytest.mark.parametrize(
    ("kind", "given"), [("number", "n/k"), ("number", ""), ("number", "1,5"), ("boolean", "n/k")]
)
def test_a_kind_that_takes_no_text_takes_no_word_either(kind: str, given: object) -> None:
    with pytest.raises(ValueProblem):
        reader(kind, missing=("n/k",), numbers=(COMMA,)).json(given)


@pytest.mark.parametrize("given", [[1.0, -999, 2.0], [1.0, -999.0, 2.0]])
@pytest.mark.parametrize("read", ["cell", "json"])
def test_numbers_that_stood_for_nothing_are_gaps_of_a_series(given: object, read: str) -> None:
    series = kinds.value("timeseries")
    found = getattr(reader("timeseries", gaps=(-999.0,)), read)(given)
    assert series.to_json(found) == [1.0, None, 2.0]
    assert getattr(reader("timeseries", gaps=(-999.0,)), read)([-999, -999]) is None
    assert series.to_json(getattr(reader("timeseries"), read)(given)) == [1.0, -999.0, 2.0]


def test_tags_are_separated_as_in_the_data() -> None:
    assert reader("tags", tag_separator="|").cell("a|b;c") == {"a", "b;c"}


@pytest.mark.parametrize("kind", sorted(kinds.names()))
def test_where_nothing_is_settled_values_are_read_as_ever(kind: str) -> None:
    value, samples = kinds.value(kind), kinds.facet(kind, Samples)
    for raw, expected in samples.strict():
        assert SettledReader(value).json(raw) == expected
    for raw, expected in samples.lenient():
        assert SettledReader(value).cell(raw) == expected
    for raw in [*samples.refused(), *samples.refused_strictly()]:
        with pytest.raises(ValueProblem):
            assert SettledReader(value).json(raw) is None, "NaN alone is missing"
            raise ValueProblem("value.not-finite", shown=str(raw))


def test_the_forms_of_all_files_are_kept_and_the_plain_one_alone_is_none() -> None:
    assert SettledCells.of([CellOptions(), CellOptions()]) == NOT_SETTLED
    both = SettledCells.of([CellOptions(number=GERMAN), CellOptions(), CellOptions(number=GERMAN)])
    assert set(both.numbers) == {PLAIN, GERMAN}
    assert SettledCells.of([CellOptions(date="%d.%m.%Y"), CellOptions()]).dates == ("%d.%m.%Y",)


@pytest.mark.parametrize(
    "absurd",
    [
        {"numbers": (NumberForm("x"),)},
        {"numbers": (NumberForm(",", ","),)},
        {"numbers": (NumberForm(".", "#"),)},
        {"dates": ("%Q",)},
        {"dates": ("%d.%m.%Y",) * 99},
        {"missing": ("w",) * 2000},
        {"tag_separator": ""},
    ],
)
def test_what_no_data_settles_is_refused(absurd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"form|words|separates"):
        SettledCells(**absurd)
