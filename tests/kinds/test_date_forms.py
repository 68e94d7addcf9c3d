"""The forms in which people write dates: read where no doubt remains, and never guessed."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.infer import Infer, distinct
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.dates import FORMS, RIVALS, DateCells, is_form, read_date
from modelwright.testing.kinds.column_checks import assert_column
from modelwright.testing.kinds.tried import quick

DATE = kinds.value("date")
COLUMN = kinds.facet("date", Column)


@pytest.mark.parametrize(
    ("text", "form", "wanted"),
    [
        ("31.12.2024", "%d.%m.%Y", "2024-12-31"),
        ("1.2.2024", "%d.%m.%Y", "2024-02-01"),
        ("31.12.2024 17:30", "%d.%m.%Y", "2024-12-31T17:30:00"),
        ("31.12.2024, 17:30:05", "%d.%m.%Y", "2024-12-31T17:30:05"),
        ("12/31/2024", "%m/%d/%Y", "2024-12-31"),
        ("12/31/2024 5:30 PM", "%m/%d/%Y", "2024-12-31T17:30:00"),
        ("12/31/2024 12:05 a.m.", "%m/%d/%Y", "2024-12-31T00:05:00"),
        ("20241231", "%Y%m%d", "2024-12-31"),
        ("20241231 10:00", "%Y%m%d", "2024-12-31T10:00:00"),
        ("2024/12/31", "%Y/%m/%d", "2024-12-31"),
        ("2024-3-1", "%Y-%m-%d", "2024-03-01"),
        ("31 Dec 2024", "%d %b %Y", "2024-12-31"),
        ("31-DEC-2024", "%d-%b-%Y", "2024-12-31"),
        ("31. März 2024", "%d. %b %Y", "2024-03-31"),
        ("31 août 2024", "%d %b %Y", "2024-08-31"),
        ("5 de", "%d %b %Y", None),
        ("December 31, 2024", "%b %d, %Y", "2024-12-31"),
        ("Sept. 3, 2024", "%b %d, %Y", "2024-09-03"),
        ("3 jui 2024", "%d %b %Y", None),  # juin or juillet
        ("2024年12月31日", "%Y年%m月%d日", "2024-12-31"),
        ("31.12.24", "%d.%m.%y", "2024-12-31"),
        ("31.12.69", "%d.%m.%y", "1969-12-31"),
        ("31.12.24", "%d.%m.%Y", None),
        ("31.02.2024", "%d.%m.%Y", None),
        ("12/31/2024 13:30 PM", "%m/%d/%Y", None),
        ("2024123", "%Y%m%d", None),
        ("٣١.12.2024", "%d.%m.%Y", None),
        ("31.12.2024 " + "x" * 60, "%d.%m.%Y", None),
        ("17:30 31.12.2024", "%H:%M %d.%m.%Y", "2024-12-31T17:30:00"),
    ],
)
def test_a_text_of_a_form(text: str, form: str, wanted: str | None) -> None:
    found = read_date(text, form)
    assert found == (None if wanted is None else datetime.fromisoformat(wanted))
    if found is not None:
        assert DATE.read_cell(f" {text} ", CellOptions(date=form)) == wanted


@given(st.dates(date(1000, 1, 1)), st.sampled_from([form for form in FORMS if "%b" not in form]))
def test_what_is_written_in_a_form_is_read_in_it(day: date, form: str) -> None:
    written = day.strftime(form)
    assert read_date(written, form) == datetime(day.year, day.month, day.day)


def found(texts: list[str], forms: tuple[str, ...] = FORMS) -> tuple[str, str | None] | None:
    cells = DateCells(forms)
    for text in texts:
        cells.add(text)
    form = cells.form()
    return None if form is None else (form.form, form.rival)


def test_a_column_settles_its_form_or_is_in_doubt() -> None:
    for form, rival in RIVALS.items():
        early = [date(2024, month, 3).strftime(form) for month in range(4, 12)]
        late = [date(2024, 1, day).strftime(form) for day in range(13, 20)]
        settled = found(early + late)
        assert settled == (form, None)
        doubtful = found(early)
        assert doubtful is not None
        assert {*doubtful} == {form, rival}
        assert found(early, (form,)) == (form, None)  # stated
        assert found([date(2024, month, month).strftime(form) for month in range(1, 13)]) is not None
    assert found(["01.02.2024"]) == ("%d.%m.%Y", None)
    assert found(["x", "3 4"]) is None


def test_one_slip_does_not_settle_a_doubt() -> None:
    early = [date(2024, month, day).strftime("%d/%m/%Y") for month in range(1, 13) for day in range(1, 13)]
    settled = found([*early, "13/01/2024"])
    assert settled is not None
    assert settled[1] is not None


def test_forms_that_can_be_stated() -> None:
    assert all(map(is_form, FORMS))
    assert is_form("%d.%m.%y")
    assert is_form("%H:%M %d.%m.%Y")
    for odd in ("%d.%m", "%d.%m.%Y %y", "%d.%d.%Y", "%d.%m.%Y %Z", "dd.mm.yyyy", "%d.%m.%b.%Y", ""):
        assert not is_form(odd)


@given(
    st.lists(st.sampled_from(["31.12.2024", "2024-03-01", "1.1.2024 10:20", "n/a", "x", "31.02.2024", ""]))
)
@quick
def test_a_column_of_a_form_reads_as_its_cells_do(cells: list[str]) -> None:
    assert_column(COLUMN, cells, CellOptions(date="%d.%m.%Y"))


def test_whole_numbers_of_a_typed_table_are_days() -> None:
    cells = pl.Series("x", [20241231, None, 20240229])
    dates = COLUMN.survey(lambda: [cells]).dates
    assert dates is not None
    form = dates.form()
    assert form is not None
    assert form.form == "%Y%m%d"
    assert COLUMN.parse(cells, CellOptions(date=form.form)).values.to_list() == [
        "2024-12-31",
        None,
        "2024-02-29",
    ]


def test_what_is_not_of_the_form_is_refused_with_it() -> None:
    with pytest.raises(ValueProblem, match=r"ISO 8601 or, as others of its column, of the form %d\.%m\.%Y"):
        DATE.read_cell("12/31/2024", CellOptions(date="%d.%m.%Y"))
    assert DATE.read_cell("2024-12-31", CellOptions(date="%d.%m.%Y")) == "2024-12-31"


def test_columns_in_other_forms_are_taken_for_dates() -> None:
    infer = kinds.facet("date", Infer)
    assert infer.reads(distinct([f"{day}.3.2024" for day in range(1, 30)]))
    assert infer.reads(distinct([f"Mar {day}, 2024" for day in range(1, 30)]))
    assert not infer.reads(distinct(["1.5", "2.5", "3.7"]))
    assert not infer.reads(distinct(["10.0.2024.1", "1.2.3"]))


def test_time_zones_are_said() -> None:
    profile = kinds.facet("date", Profile)

    def remark(*values: str) -> dict[str, object] | None:
        figures = profile.describe(pl.Series(values))
        notices = list(profile.remarks("t", figures))
        assert all(one.found for one in notices)
        return dict(notices[0].values) if notices else None

    assert remark("2024-01-01", "2024-01-01T10:00:00") is None
    assert remark("2024-01-01T10:00:00Z") == {
        "column": "t", "count": 1, "zones": ["Z"], "without": None, "several": False
    }  # fmt: skip
    mixed = remark("2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00")
    assert mixed is not None
    assert (mixed["count"], mixed["without"], mixed["several"]) == (2, 1, True)
