"""Rows in order of time become windows: their steps, their splits, and what is odd about their stamps."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.shared.gap_filling import filled
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.storage.formats.examples import read_columns, read_examples
from modelwright.storage.formats.window_form import WindowForm, window_form

FORECAST = "forecast(past: timeseries) -> next: timeseries"
BOTH = {"past": "load", "next": "load"}


def hours(count, begin=datetime(2024, 1, 1)):
    return [begin + timedelta(hours=hour) for hour in range(count)]


def table(folder, rows, header="when,load", name="load.csv"):
    (folder / name).write_text("\n".join([header, *rows]) + "\n", "utf-8")


def windows(folder, signature=FORECAST, **section):
    """Return the examples of each split, and the notices by id."""
    config = DataConfig.model_validate(
        {"source": "load.csv", "columns": BOTH, "window": 6, "horizon": 3, "stride": 1, **section}
    )
    parsed = Signature.parse(signature)
    found = data(parsed, config, folder, folder / "out", Silent())
    splits = {name: read_examples(folder / "out" / name, parsed) for name in ("train", "validation", "test")}
    return splits, {one.id: one for one in map(Notice.from_wire, found["warnings"])}


def steps(examples, name):
    return [value.flat for value in examples.columns[name]]


def test_rows_in_order_become_windows_and_none_straddles(tmp_path):
    table(tmp_path, [f"x,{step}" for step in range(200)])
    splits, notices = windows(tmp_path)
    seen = {}
    for name, examples in splits.items():
        for past, following in zip(steps(examples, "past"), steps(examples, "next"), strict=True):
            assert [*past, *following] == list(range(int(past[0]), int(past[0]) + 9))
            seen.setdefault(name, []).append((past[0], following[-1]))
    # 70, 20 and 10 % of the steps, each with its own
    assert max(end for _, end in seen["train"]) == 139
    assert (min(begin for begin, _ in seen["validation"]), max(end for _, end in seen["validation"])) <= (
        140,
        179,
    )
    assert min(begin for begin, _ in seen["validation"]) == 140
    assert min(begin for begin, _ in seen["test"]) == 180
    assert len(seen["train"]) == 140 - 9 + 1
    said = notices["data.windows"].values
    assert (said["train"], said["validation"], said["test"]) == tuple(len(splits[name]) for name in splits)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_step_is_judged_twice(tmp_path, split):
    table(tmp_path, [f"x,{step}" for step in range(400)])
    splits, _ = windows(tmp_path)
    judged = [step for following in steps(splits[split], "next") for step in following]
    assert len(judged) == len(set(judged)) > 3


def test_a_row_is_known_by_its_group_and_time(tmp_path):
    rows = [f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200))]
    table(tmp_path, rows)
    before, _ = windows(tmp_path, time="when")
    table(tmp_path, [row.replace(",7", ",9") for row in rows])
    after, _ = windows(tmp_path, time="when")
    assert list(before["train"].ids) == list(after["train"].ids)
    assert steps(before["train"], "past") != steps(after["train"], "past")


def test_groups_are_series_of_their_own(tmp_path):
    rows = [
        f"{when:%Y-%m-%d %H:%M},{1000 * group + hour},{'ab'[group]}"
        for hour, when in enumerate(hours(120))
        for group in (0, 1)
    ]
    rows += ["2024-01-01 00:00,5,c", "2024-01-01 01:00,6,c", "2024-01-01 02:00,6,"]
    table(tmp_path, rows, "when,load,station")
    splits, notices = windows(tmp_path, time="when", group="station")
    for past, following in zip(steps(splits["train"], "past"), steps(splits["train"], "next"), strict=True):
        assert np.diff([*past, *following]).tolist() == [1.0] * 8
    assert notices["data.short-series"].values["names"] == ["c"]
    assert notices["data.no-group"].values["count"] == 1


def test_other_inputs_are_of_the_last_step_and_known_ones_of_the_first_ahead(tmp_path):
    table(tmp_path, [f"x,{step},{step},{step}" for step in range(200)], "when,load,plan,state")
    signature = "f(past: timeseries, now: number, planned: number, plans: timeseries) -> next: timeseries, last: number"
    columns = {**BOTH, "now": "load", "planned": "plan", "plans": "plan", "last": "state"}
    splits, _ = windows(tmp_path, signature, columns=columns, known=["planned", "plans"])
    train = splits["train"].columns
    for row, past in enumerate(steps(splits["train"], "past")):
        assert train["now"][row] == past[-1]
        assert train["planned"][row] == past[-1] + 1
        assert train["plans"][row].flat == train["next"][row].flat
        assert train["last"][row] == past[-1] + 3


def test_windows_of_several_series_at_one_moment_go_together(tmp_path):
    rows = [
        f"{when:%Y-%m-%d %H:%M},{hour},{group}" for hour, when in enumerate(hours(300)) for group in "abc"
    ]
    table(tmp_path, rows, "when,load,station")
    windows(tmp_path, time="when", group="station")
    test = read_columns(tmp_path / "out" / "test", ["moment", "past"], Signature.parse(FORECAST).inputs)
    of_moment = {}
    for moment, past in zip(test["moment"], test["past"], strict=True):
        of_moment.setdefault(moment, []).append(past.flat)
    assert len(of_moment) > 2
    assert all(len(found) == 3 and found[0] == found[1] == found[2] for found in of_moment.values())


def test_how_windows_were_cut_is_sealed(tmp_path):
    table(tmp_path, [f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200))])
    windows(tmp_path, time="when", fill={"gaps": "linear"})
    assert window_form(tmp_path / "out" / "train") == WindowForm(3600.0, "linear")
    windows(tmp_path)
    assert window_form(tmp_path / "out" / "test") == WindowForm(None, "missing")


ODD = {
    "data.unsorted-stamps": lambda rows: [*rows[:50], rows[51], rows[50], *rows[52:]],
    "data.gaps": lambda rows: [*rows[:50], *rows[53:]],
    "data.repeated-stamps": lambda rows: [*rows[:50], rows[50].split(",")[0] + ",77", *rows[50:]],
    "data.irregular-stamps": lambda rows: [*rows[:50], rows[50].replace(":00", ":20"), *rows[51:]],
}


@pytest.mark.parametrize("id", ODD)
def test_what_is_odd_about_stamps_is_said_once_with_its_count(tmp_path, id):  # noqa: A002
    table(tmp_path, ODD[id]([f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200))]))
    _, notices = windows(tmp_path, time="when")
    assert notices[id].values["count"] == (3 if id == "data.gaps" else 1)
    assert notices[id].found
    assert notices[id].next_step
    assert set(notices) & set(ODD) == {id}


def test_regular_stamps_say_nothing(tmp_path):
    table(tmp_path, [f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200))])
    _, notices = windows(tmp_path, time="when")
    assert set(notices) == {"data.windows"}


def test_an_hour_that_a_clock_shows_twice_is_named_for_what_it_is(tmp_path):
    begin = datetime(2024, 10, 25)
    rows = [f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200, begin))]
    twice = rows.index(next(row for row in rows if row.startswith("2024-10-27 02:00")))
    table(tmp_path, [*rows[: twice + 1], "2024-10-27 02:00,9", *rows[twice + 1 :]])
    _, notices = windows(tmp_path, time="when")
    assert notices["data.repeated-stamps"].values["daylight"]


@pytest.mark.parametrize(("days", "unit"), [(1, "month"), (3, "quarter")])
def test_months_are_steps_although_they_are_not_equally_long(tmp_path, days, unit):
    rows = [f"{2000 + month * days // 12}-{month * days % 12 + 1:02}-01,{month}" for month in range(200)]
    table(tmp_path, rows)
    splits, notices = windows(tmp_path, time="when")
    assert set(notices) == {"data.windows"}, unit
    assert all(np.diff(past).tolist() == [1.0] * 5 for past in steps(splits["train"], "past"))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("missing", [[math.nan, 1, math.nan, 3], [2, math.nan, math.nan, math.nan]]),
        ("previous", [[math.nan, 1, 1, 3], [2, 2, 2, 2]]),
        ("linear", [[math.nan, 1, 2, 3], [2, math.nan, math.nan, math.nan]]),
    ],
)
def test_gaps_are_filled_from_their_own_window_alone(how, expected):
    given = np.array([[math.nan, 1, math.nan, 3], [2, math.nan, math.nan, math.nan]])
    assert np.array_equal(filled(given, how), np.array(expected), equal_nan=True)


def test_histories_are_filled_and_truths_are_not(tmp_path):
    rows = [f"{when:%Y-%m-%d %H:%M},{hour}" for hour, when in enumerate(hours(200))]
    table(tmp_path, [row for place, row in enumerate(rows) if place % 5])
    splits, _ = windows(tmp_path, time="when", fill={"gaps": "linear"})
    assert any(math.isnan(one) for following in steps(splits["train"], "next") for one in following)
    assert not any(math.isnan(one) for past in steps(splits["train"], "past") for one in past[1:-1])


def test_cells_are_read_as_numbers_of_their_column_are(tmp_path):
    table(tmp_path, [f"x;{step},5" if step % 7 else "x;-200" for step in range(200)], "when;load")
    splits, notices = windows(tmp_path, missing={"load": ["-200"]})
    numbers = [one for past in steps(splits["train"], "past") for one in past if not math.isnan(one)]
    assert {one % 1 for one in numbers} == {0.5}
    assert "data.number-form" in notices
    table(tmp_path, ["x,1"] * 50 + ["x,abc"] + ["x,1"] * 200)
    with pytest.raises(DataError, match="abc"):
        windows(tmp_path)
    assert windows(tmp_path, invalid="drop", repeated="keep")[1]["data.cells-as-gaps"].values["count"] == 1


def test_files_keep_what_they_are_for(tmp_path):
    table(tmp_path, [f"x,{step}" for step in range(100)], name="a.csv")
    table(tmp_path, [f"x,{step}" for step in range(1000, 1040)], name="b.csv")
    splits, _ = windows(tmp_path, source=None, train="a.csv", test="b.csv")
    assert all(past[0] >= 1000 for past in steps(splits["test"], "past"))
    assert all(following[-1] < 90 for following in steps(splits["train"], "next"))
    assert all(past[0] >= 90 for past in steps(splits["validation"], "past"))


@pytest.mark.parametrize(
    ("count", "section", "signature", "id"),
    [
        (8, {}, FORECAST, "data.window-too-long"),
        (40, {}, FORECAST, "data.split-without-window"),
        (200, {"horizon": None}, FORECAST, "data.no-horizon"),
        (200, {}, "f(load: number) -> next: timeseries", "data.no-history"),
        (200, {"known": ["pst"]}, FORECAST, "data.unknown-window-name"),
        (200, {"known": ["past"]}, FORECAST, "data.answer-not-known"),
        (200, {"columns": {"past": "laod", "next": "load"}}, FORECAST, "data.missing-column"),
        (200, {"group": "station"}, FORECAST, "data.unknown-column"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_a_message_of_its_own(tmp_path, count, section, signature, id):  # noqa: A002
    table(tmp_path, [f"x,{step}" for step in range(count)])
    given = {"columns": BOTH, **section}
    if "past" not in signature:
        given["columns"] = {"next": "load"}
    with pytest.raises(DataError) as refused:
        windows(tmp_path, signature, **given)
    assert id in {problem.id for problem in refused.value.problems}


@pytest.mark.parametrize(
    "section",
    [{"horizon": 3}, {"stride": 3}, {"window": 3, "split": {"by": "hash"}}, {"window": 0}],
)
def test_settings_that_do_not_go_together_are_refused(section):
    with pytest.raises(ValidationError):
        DataConfig.model_validate({"source": "load.csv", **section})


def test_stamps_that_lie_on_no_grid_are_refused(tmp_path):
    rows = [f"{when:%Y-%m-%d %H:%M},1" for when in hours(100)]
    table(tmp_path, [*rows, "1970-01-01 00:00,1"])
    with pytest.raises(DataError, match=r"steps"):
        windows(tmp_path, time="when")


def test_several_series_are_stored_as_lists_of_one_channel(tmp_path):
    table(tmp_path, [f"x,{step}" for step in range(200)])
    windows(tmp_path)
    stored = pl.read_parquet(tmp_path / "out" / "train" / "rows.parquet")
    assert stored["past"].dtype == pl.List(pl.List(pl.Float64))


@pytest.mark.parametrize(("window", "horizon"), [(168, 24), (336, 48), (12, 12), (24, None), (5, 1), (30, 7)])
def test_windows_begin_in_step_with_no_season(window, horizon):
    apart = DataConfig(source=("a.csv",), window=window, horizon=horizon).apart
    assert math.gcd(apart, 168) == math.gcd(apart, 12) == 1
    assert 1 <= apart <= max(1, (horizon or window) // 4)
