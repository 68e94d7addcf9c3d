from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.common import Dumped
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.contract.show import Show
from modelwright.kinds.date.arrays import DateState
from modelwright.testing.kinds.column_checks import assert_column
from modelwright.testing.kinds.tried import quick

DATE = kinds.value("date")
ARRAYS = kinds.arrays("date")
COLUMN = kinds.facet("date", Column)
ZONES = st.none() | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES)


@given(MOMENTS)
def test_what_python_writes_is_read_and_means_the_same(moment: datetime) -> None:
    value = DATE.parse(moment.isoformat())
    assert isinstance(value, str)
    assert datetime.fromisoformat(value) == moment
    assert datetime.fromisoformat(value).replace(tzinfo=None) == moment.replace(tzinfo=None)
    assert DATE.parse(moment, lenient=True) == value


@given(MOMENTS, MOMENTS)
def test_texts_to_compare_lie_in_the_order_of_time(one: datetime, other: datetime) -> None:
    first, second = (DATE.comparable(DATE.parse(moment.isoformat())) for moment in (one, other))
    left, right = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (one, other))
    assert (first < second, first == second) == (left < right, left == right)


def test_a_slice_names_a_day() -> None:
    assert DATE.comparable("2024-01-01") == "2024-01-01"
    assert "2024-01-01" <= DATE.comparable("2024-01-01T00:30:00") < "2024-01-02"
    assert DATE.comparable("2024-01-01T00:30:00+01:00") == "2023-12-31T23:30:00"


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "2024-13-01", "2024-03-01T25:00"])
def test_a_day_that_there_is_not_is_refused_as_such(text: str) -> None:
    with pytest.raises(ValueProblem, match=r"the text '.*must be a day of the calendar"):
        DATE.parse(text)
    with pytest.raises(ValueProblem, match="must be a date in ISO 8601"):
        DATE.parse("yesterday")


def test_year_month_weekday_and_hour_become_numbers() -> None:
    # 2024-02-29 was a Thursday; months are spread by sqrt(143 / 12), weekdays by 2, hours by sqrt(575 / 12)
    arrays = ARRAYS.encode(["2024-02-29T23:59:00+05:00", None, "2025-01-06"], DateState(2024.0, 0.5))
    month, hour = math.sqrt(143 / 12), math.sqrt(575 / 12)
    assert arrays["values"][0] == pytest.approx([0, (2 - 6.5) / month, (3 - 3) / 2, (23 - 11.5) / hour])
    assert arrays["values"][1].tolist() == [0, 0, 0, 0]
    assert arrays["values"][2] == pytest.approx([2, (1 - 6.5) / month, (0 - 3) / 2, -11.5 / hour])
    assert arrays["missing"].tolist() == [0, 1, 0]


def test_age_and_places_in_year_week_and_day_become_numbers() -> None:
    # 1970-01-11 was a Sunday; 06:00 is a quarter of the day
    state = DateState(1970.0, 1.0, (0.0, 10.0))
    (row,) = ARRAYS.encode(["1970-01-11T06:00:00"], state)["values"]
    assert row[4] == pytest.approx(10.25 / 10)
    turns = 10.25 / 365.2425, (6 + 0.25) / 7, 0.25
    wanted = [math.sqrt(2) * of(2 * math.pi * turn) for turn in turns for of in (math.sin, math.cos)]
    assert row[5:] == pytest.approx(wanted, abs=1e-6)
    last, first = ARRAYS.encode(["1970-12-31", "1971-01-01"], state)["values"]
    assert np.abs(last[5:7] - first[5:7]).max() < 0.04  # neighbours
    # against another day, ages differ by a constant
    days = ["1970-01-01", "1985-06-01", "2000-02-29"]
    one, other = (
        ARRAYS.encode(days, DateState(0.0, 1.0, (mean, 1e4)))["values"][:, 4] for mean in (0.0, 5e3)
    )
    assert np.allclose(one - other, 0.5, atol=1e-5)


def test_a_state_of_an_earlier_version_has_four_numbers() -> None:
    state = ARRAYS.load(Dumped({"mean": 2021.0, "deviation": 1.0}, {}))
    assert state == DateState(2021.0, 1.0)
    assert ARRAYS.specs(state)["values"].shape == ("batch", 4)
    assert ARRAYS.encode(["2021-03-01"], state)["values"].shape == (1, 4)
    assert ARRAYS.dump(state).data == {"mean": 2021.0, "deviation": 1.0}


def test_the_dates_of_training_alone_are_remembered() -> None:
    state = ARRAYS.fit(["2020-01-01", "2022-01-01", None])
    assert (state.mean, state.deviation) == (2021.0, 1.0)
    assert state.age == pytest.approx((18627.5, 365.5))
    assert ARRAYS.fit(["2020-01-01"]) == DateState(2020.0, 1.0, (18262.0, 1.0))
    assert ARRAYS.fit([None]) == DateState(0.0, 1.0, (0.0, 1.0))
    assert np.isfinite(ARRAYS.encode(["9999-12-31", "0001-01-01"], state)["values"]).all()


PARTS = (
    st.sampled_from(["2024-03-01", "2024-02-30", "0000-01-01", "0001-01-01", "20240301", "2024-3-1", ""]),
    st.sampled_from(["", "T", " ", "t", "  "]),
    st.sampled_from(["", "00:00", "10:20", "24:00", "23:59:59", "10:20:60", "10:20:30.5", "00:00:00", "10"]),
    st.sampled_from(["", "Z", "z", " Z", "+00:00", "+02:00", "-0330", "+24:00", "\n"]),
)


@given(st.lists(st.tuples(*PARTS).map("".join) | MOMENTS.map(str) | st.none(), max_size=12))
@quick
def test_a_column_of_texts_reads_as_its_cells_do(cells: list[str | None]) -> None:
    assert_column(COLUMN, cells)


@given(
    st.lists(st.dates() | st.none(), max_size=6),
    st.lists(st.datetimes() | st.none(), max_size=6),
    st.sampled_from(["ms", "us"]),
)
@quick
def test_columns_of_typed_tables(days: list[date | None], moments: list[datetime | None], unit: str) -> None:
    typed = (
        pl.Series("x", days, dtype=pl.Date),
        pl.Series("x", moments, dtype=pl.Datetime(unit)),  # type: ignore[arg-type]
        pl.Series("x", [m and m.replace(microsecond=0) for m in moments], dtype=pl.Datetime("us")),
    )
    for cells in typed:
        parsed = COLUMN.parse(cells)
        assert parsed.values.to_list() == [DATE.parse(cell, lenient=True) for cell in cells.to_list()]
        assert not parsed.refused


def test_moments_of_a_zone_keep_their_hour() -> None:
    zoned = pl.Series([datetime(2024, 7, 1, 10, 20, tzinfo=UTC)]).dt.convert_time_zone("Europe/Berlin")
    assert COLUMN.parse(zoned).values.to_list() == ["2024-07-01T12:20:00+02:00"]


def test_profile_in_utc() -> None:
    values = pl.Series([*(f"2024-01-{day:02}" for day in range(1, 21)), "2023-12-31T23:00:00-05:00"])
    described = kinds.facet("date", Profile).describe(values)
    assert described["earliest"] == "2024-01-01"
    assert described["latest"] == "2024-01-20"
    assert described["distinct"] == 21
    assert described["quantiles"] == {
        "0.05": "2024-01-01T04:00:00",
        "0.25": "2024-01-05",
        "0.5": "2024-01-10",
        "0.75": "2024-01-15",
        "0.95": "2024-01-19",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01T10:20:00", "2024-03-01 10:20"),
        ("2024-03-01T10:20:00+02:00", "2024-03-01 10:20+02:00"),
        ("2024-03-01T10:20:30Z", "2024-03-01 10:20:30Z"),
        ("2024-03-01T10:20:00.500000", "2024-03-01 10:20:00.500000"),
    ],
)
def test_shown_without_what_says_nothing(value: str, text: str) -> None:
    assert kinds.facet("date", Show).text(value) == text
