"""Series: reading, the level of a window, forecasts on it, and their interval."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.column import Column, parse_by_value
from modelwright.kinds.contract.common import FAR, Dumped, Role
from modelwright.kinds.contract.show import Show
from modelwright.kinds.timeseries.window import GAP, TimeWindow
from modelwright.outcomes.series.outcomes import SeriesOutcomes

VALUE = kinds.value("timeseries")
ARRAYS = kinds.arrays("timeseries")
COLUMN = kinds.facet("timeseries", Column)
RNG = np.random.default_rng(0)


def waves(levels, steps=24, phase=0.0):
    return [
        TimeWindow.of(level * (2 + math.sin(phase + step * math.pi / 4)) for step in range(steps))
        for level in levels
    ]


def noisy(levels):
    """Return the windows of 8 steps after these levels, each step a tenth off."""
    return [
        TimeWindow.of((np.array(one.flat) * (1 + 0.1 * RNG.normal(size=8))).tolist())
        for one in waves(levels, steps=8)
    ]


def forecast(levels, **options):
    """Return a fitted output, its truths and the windows before them."""
    before, after = waves(levels), waves(levels, steps=8)
    state = ARRAYS.fit(
        after, role=Role.OUTPUT, inputs={"past": before}, input_kinds={"past": "timeseries"}, **options
    )
    return state, after, {"past": before}


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        ([1, "2"], "value.not-in-a-series"),
        ([1, True], "value.not-in-a-series"),
        ([[1, 2], [3]], "value.ragged-series"),
        ([], "value.no-steps"),
        ("abc", "value.not-a-series"),
        ([1, math.inf], "value.not-finite"),
        ([0.0] * 100_001, "value.too-many-steps"),
        ([[0.0] * 1001] * 1000, "value.too-many-channels"),
    ],
)
def test_what_is_no_series_is_refused_with_a_message_of_its_own(raw, id):  # noqa: A002
    with pytest.raises(ValueProblem) as refused:
        VALUE.parse(raw, lenient=True)
    assert refused.value.message.id == id


def test_one_sign_separates_all_numbers_of_a_text():
    assert VALUE.parse("1;2", lenient=True) == TimeWindow.of([1.0, 2.0])
    assert VALUE.parse("1, 2", lenient=True) == TimeWindow.of([1.0, 2.0])
    with pytest.raises(ValueProblem):  # decimal commas are no steps of their own
        VALUE.parse("1,5;2,5", lenient=True)


@pytest.mark.parametrize(
    "cells",
    [
        [[1.0, 2.0], None, [3.0], [None, 4.0], [None], []],
        [[1, 2], [3, 4]],
        [[1.0, math.nan], [math.inf, 2.0], [-0.0]],
    ],
)
def test_a_column_of_lists_reads_as_its_cells_do(cells):
    series = pl.Series("x", cells)
    parsed = COLUMN.parse(series)
    for place, cell in enumerate(series.to_list()):
        if place in parsed.refused:
            with pytest.raises(ValueProblem) as refused:
                VALUE.read_cell(cell)
            assert parsed.refused[place].message == refused.value.message
        else:
            assert COLUMN.values(parsed.values)[place] == VALUE.read_cell(cell)


def test_several_channels_are_stored_and_encoded_apart():
    values = [VALUE.parse([[1, 100], [2, None], [3, 300]]), VALUE.parse([[2, 200], [4, 400], [6, 600]])]
    stored = pl.Series([COLUMN.store(value) for value in values], dtype=COLUMN.dtype())
    assert COLUMN.values(stored) == values
    state = ARRAYS.fit(values)
    encoded = ARRAYS.encode(values, state)
    assert encoded["series"].shape == (2, 3, 2)
    assert encoded["present"][0].tolist() == [[1, 1], [1, 0], [1, 1]]
    # each channel is on its own level, so that the second is as the first
    assert np.allclose(encoded["series"][1, :, 0], encoded["series"][1, :, 1])


def test_windows_of_one_form_on_different_levels_encode_alike():
    values = waves([1.0, 10.0, 1000.0])
    encoded = ARRAYS.encode(values, ARRAYS.fit(values))["series"]
    assert np.allclose(encoded[0], encoded[1], atol=1e-5)
    assert np.allclose(encoded[0], encoded[2], atol=1e-5)


def test_a_series_with_numbers_below_0_is_moved_and_not_divided():
    values = [TimeWindow.of([c + offset for c in (-1.0, 0.0, 1.0)]) for offset in (-5.0, 0.0, 5.0)]
    state = ARRAYS.fit(values)
    assert state.level.signed
    encoded = ARRAYS.encode(values, state)["series"]
    assert np.allclose(encoded[0], encoded[2])


def test_a_window_of_nothing_but_0_is_held():
    values = [*waves([5.0, 6.0]), TimeWindow.of([0.0] * 24)]
    encoded = ARRAYS.encode(values, ARRAYS.fit(values))["series"]
    assert np.abs(encoded).max() <= FAR


def test_longer_series_are_cut_to_the_newest_steps_and_counted():
    values = waves([1.0, 2.0], steps=8)
    state = ARRAYS.fit(values)
    longer = TimeWindow.of([99.0] * 3 + list(values[0].flat))
    assert np.array_equal(
        ARRAYS.encode([longer], state)["series"], ARRAYS.encode(values[:1], state)["series"]
    )
    cut = ARRAYS.cut([longer, values[0]], state)
    assert (cut.count, cut.rows, cut.longest, cut.kept) == (1, 2, 11, 8)


def test_a_series_that_training_has_none_like_is_refused():
    state = ARRAYS.fit(waves([1.0, 2.0], steps=8))
    assert ARRAYS.misfit(TimeWindow.of([1.0] * 7), state).message.id == "value.too-few-steps"
    assert ARRAYS.misfit(TimeWindow.of([1.0] * 16, 2), state).message.id == "value.other-channels"
    assert ARRAYS.misfit(TimeWindow.of([GAP, *[1.0] * 7]), state) is None


def test_channels_that_differ_and_a_forecast_of_several_are_refused():
    one, two = TimeWindow.of([1.0, 2.0]), TimeWindow.of([1.0, 2.0], 2)
    with pytest.raises(ValueProblem, match=r"channels"):
        ARRAYS.fit([one, two])
    with pytest.raises(ValueProblem, match=r"one number a step"):
        ARRAYS.fit([two], role=Role.OUTPUT)


def test_a_forecast_comes_back_on_the_level_of_its_own_window():
    state, after, inputs = forecast([1.0, 10.0, 1000.0])
    truth = ARRAYS.encode_truth(after, inputs, state)["steps"]
    assert np.allclose(truth[0], truth[2], atol=1e-5)
    answers = ARRAYS.decode({"quantiles": np.repeat(truth[:, :, None], 3, axis=2)}, state, inputs)
    for answer, value in zip(answers, after, strict=True):
        assert np.allclose(answer.value.flat, value.flat, rtol=1e-5)
    # another level before, another answer
    other = ARRAYS.decode(
        {"quantiles": np.repeat(truth[:1, :, None], 3, axis=2)}, state, {"past": waves([7.0])}
    )
    assert np.allclose(other[0].value.flat, waves([7.0], steps=8)[0].flat, rtol=1e-5)


def test_of_several_series_the_one_nearest_to_the_truth_gives_the_level():
    levels = [1.0, 10.0, 100.0]
    inputs = {"noise": [TimeWindow.of(RNG.random(24).tolist()) for _ in levels], "past": waves(levels)}
    named = dict.fromkeys(inputs, "timeseries")
    state = ARRAYS.fit(waves(levels, steps=8), role=Role.OUTPUT, inputs=inputs, input_kinds=named)
    assert state.level_of == "past"


def test_the_season_of_training_is_found():
    state, *_ = forecast([1.0, 3.0, 9.0, 20.0])
    assert state.season == 8  # steps of a sine of π/4 each
    assert state.naive < 1e-9


def test_calibration_holds_the_share_and_one_row_alone_answers_as_among_others():
    n, levels = 400, RNG.uniform(1, 100, 400)
    before = waves(levels)
    noisy = [
        TimeWindow.of((np.array(one.flat) * (1 + 0.1 * RNG.normal(size=8))).tolist())
        for one in waves(levels, steps=8)
    ]
    inputs = {"past": before}
    state = ARRAYS.fit(noisy, role=Role.OUTPUT, inputs=inputs, input_kinds={"past": "timeseries"})
    flat = ARRAYS.encode_truth(waves(levels, steps=8), inputs, state)["steps"]
    body = {"quantiles": np.repeat(flat[:, :, None], 3, axis=2)}  # a body that knows the middle alone
    half = {name: column[: n // 2] for name, column in inputs.items()}
    calibrated = ARRAYS.calibrate({"quantiles": body["quantiles"][: n // 2]}, noisy[: n // 2], state, half)
    outcomes = ARRAYS.outcomes(noisy, body, calibrated, inputs).take(np.arange(n // 2, n))
    assert isinstance(outcomes, SeriesOutcomes)
    within = (outcomes.low <= outcomes.truth) & (outcomes.truth <= outcomes.high)
    assert 0.76 < within.mean() < 0.84
    whole = ARRAYS.decode(body, calibrated, inputs)
    alone = ARRAYS.decode({"quantiles": body["quantiles"][5:6]}, calibrated, {"past": before[5:6]})
    assert alone == [whole[5]]
    assert whole[5].interval["share"] == 0.8
    assert all(
        low <= middle <= high
        for low, middle, high in zip(
            whole[5].interval["low"], whole[5].value.flat, whole[5].interval["high"], strict=True
        )
    )


def test_without_the_inputs_nothing_is_calibrated():
    state, after, _ = forecast([1.0, 2.0])
    body = {"quantiles": np.zeros((2, 8, 3), np.float32)}
    assert ARRAYS.calibrate(body, after, state) == state


def test_widths_are_sealed_and_a_state_without_them_is_read():
    levels = RNG.uniform(1, 100, 60)
    inputs = {"past": waves(levels)}
    after = noisy(levels)
    state = ARRAYS.fit(after, role=Role.OUTPUT, inputs=inputs, input_kinds={"past": "timeseries"})
    body = {"quantiles": np.zeros((60, 8, 3), np.float32)}
    calibrated = ARRAYS.calibrate(body, after, state, inputs)
    dumped = ARRAYS.dump(calibrated)
    assert ARRAYS.load(Dumped(json.loads(json.dumps(dumped.data)), {})) == calibrated
    earlier = {key: value for key, value in dumped.data.items() if key not in {"widths", "rhythm"}}
    assert ARRAYS.load(Dumped(earlier, {})) == replace(calibrated, widths=None, rhythm=None)
    for damage in ({"by_step": [1.0]}, {"by_size": -1.0}, {"rhythm": 0}, {"usual": 0.0}):
        with pytest.raises(ValueProblem):
            ARRAYS.load(Dumped({**dumped.data, "widths": {**dumped.data["widths"], **damage}}, {}))


def test_restless_windows_have_wider_intervals():
    quiet, restless = TimeWindow.of([10.0, 12.0] * 12), TimeWindow.of([6.0, 12.0, 14.0, 12.0] * 6)
    after = [TimeWindow.of((11 + RNG.normal(size=4)).tolist()) for _ in range(60)]
    column = [quiet, restless] * 30
    state = ARRAYS.fit(after, role=Role.OUTPUT, inputs={"past": column}, input_kinds={"past": "timeseries"})
    state = replace(state, rhythm=2)
    body = {"quantiles": np.zeros((60, 4, 3), np.float32)}
    state = ARRAYS.calibrate(body, after, state, {"past": column})
    first, second = ARRAYS.decode({"quantiles": body["quantiles"][:2]}, state, {"past": column[:2]})
    narrow, wide = (one.interval["high"][0] - one.interval["low"][0] for one in (first, second))
    assert wide > 2 * narrow


@pytest.mark.parametrize(("gaps", "expected"), [("previous", [1.0, 1.0, 3.0]), ("linear", [1.0, 2.0, 3.0])])
def test_a_request_is_filled_as_training_was_and_the_answer_says_so(gaps, expected):
    whole = [TimeWindow.of([1.0, 2.0, 3.0]), TimeWindow.of([4.0, 5.0, 9.0])]
    holed, filled = TimeWindow.of([1.0, GAP, 3.0]), TimeWindow.of(expected)
    state = ARRAYS.fit(whole, gaps=gaps)
    one, other = (ARRAYS.encode([value], state) for value in (holed, filled))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert ARRAYS.load(ARRAYS.dump(state)) == state
    target = ARRAYS.fit(
        [TimeWindow.of([2.0]), TimeWindow.of([7.0])],
        role=Role.OUTPUT,
        inputs={"past": whole},
        input_kinds={"past": "timeseries"},
        gaps=gaps,
    )
    assert ARRAYS.load(ARRAYS.dump(target)) == target
    body = {"quantiles": np.zeros((1, 1, 3), np.float32)}
    said, plain = (ARRAYS.decode(body, target, {"past": [value]})[0] for value in (holed, filled))
    assert said.value == plain.value  # on one level
    assert said.interval["filled"] == 1
    assert "filled" not in plain.interval


def test_gaps_stay_where_nothing_is_declared():
    state = ARRAYS.fit([TimeWindow.of([1.0, 2.0, 3.0])])
    assert ARRAYS.encode([TimeWindow.of([1.0, GAP, 3.0])], state)["present"][0, :, 0].tolist() == [1, 0, 1]


@pytest.mark.parametrize(("rows", "newest"), [(100, True), (8, False)])
def test_the_newest_errors_decide_how_wide_unless_they_are_few(rows: int, newest: bool):
    """Errors out of fold lie 10 times as far as those of the body that serves."""
    draws = np.random.default_rng(0)
    count = 400
    column = [TimeWindow.of([100.0] * 8)] * count
    spread = np.where(np.arange(count) < count - rows, 10.0, 1.0)
    known = [TimeWindow.of((100 + one * draws.normal(size=4)).tolist()) for one in spread]
    inputs = {"past": column}
    state = ARRAYS.fit(known, role=Role.OUTPUT, inputs=inputs, input_kinds={"past": "timeseries"})
    body = {"quantiles": np.zeros((count, 4, 3), np.float32)}

    def width(held: int) -> float:
        one = {"quantiles": body["quantiles"][:1]}
        sealed = ARRAYS.calibrate_out_of_fold(body, known, state, inputs, held)
        (answer,) = ARRAYS.decode(one, sealed, {"past": column[:1]})
        return answer.interval["high"][0] - answer.interval["low"][0]

    # 0 held: all rows weigh alike
    assert (width(rows) < 0.8 * width(0)) == newest
    assert newest or width(rows) == width(0)


def test_rows_of_equal_weight_are_those_of_validation_alone():
    levels = RNG.uniform(1, 100, 60)
    inputs = {"past": waves(levels)}
    after = noisy(levels)
    state = ARRAYS.fit(after, role=Role.OUTPUT, inputs=inputs, input_kinds={"past": "timeseries"})
    body = {"quantiles": np.zeros((60, 8, 3), np.float32)}
    alone = ARRAYS.calibrate(body, after, state, inputs)
    assert ARRAYS.calibrate_out_of_fold(body, after, state, inputs, 60) == alone


@pytest.mark.parametrize("fill", [1e37, -9999.0])
def test_fill_values_do_not_flatten_series_and_stand_out(fill):
    rng = np.random.default_rng(0)
    windows = [TimeWindow.of(rng.normal(size=24).tolist()) for _ in range(200)]  # below 0: moved, not divided
    broken = [TimeWindow.of([*window.flat[:23], fill]) for window in windows[:8]]
    state = ARRAYS.fit([*windows, *broken])
    usual = ARRAYS.encode(windows, state)["series"]
    assert usual.std() == pytest.approx(1, abs=0.5)
    assert ARRAYS.standing_out([*windows, *broken]) == [("-9999" if fill < 0 else "1e+37", 8)]
    assert ARRAYS.standing_out([*windows, None]) == []


# -- how a series is shown -----------------------------------------------------------------------------------


def drawing(window):
    """Return the drawing of a series, the points of each of its lines by channel, and the texts beside them."""
    picture = kinds.facet("timeseries", Show).picture(window)
    assert picture is not None
    svg = ElementTree.fromstring(base64.b64decode(picture.data))
    name = "{http://www.w3.org/2000/svg}"
    lines = []
    for path in svg.iter(f"{name}path"):
        parts = [part for part in path.get("d").split("M") if part]
        lines.append(
            [[tuple(map(float, at.split())) for at in part.replace("h0", "").split("L")] for part in parts]
        )
    return picture, lines, [text.text for text in svg.iter(f"{name}text")]


def test_a_curve_rises_as_its_numbers_do_and_names_its_ends():
    picture, lines, ends = drawing(TimeWindow.of([1.0, 2.0, 4.0, 3.0]))
    assert (picture.media, picture.height <= 96) == ("image/svg+xml", True)
    (((x0, y0), (x1, y1), (x2, y2), (x3, y3)),) = lines[0]
    assert x0 < x1 < x2 < x3
    assert y0 > y1 > y3 > y2  # up is less
    assert y0 - y1 == pytest.approx(y3 - y2, abs=0.2)
    assert ends == ["4", "1"]


def test_a_gap_breaks_the_curve_and_a_number_alone_is_a_point():
    _, (parts,), ends = drawing(TimeWindow.of([1.0, GAP, 2.0, GAP, GAP, 3.0, 4.0]))
    assert [len(part) for part in parts] == [1, 1, 2]
    assert ends == ["4", "1"]


@pytest.mark.parametrize("numbers", [[5.0], [5.0] * 9, [0.0, 0.0], [-3.0, GAP, -3.0]])
def test_a_flat_series_is_in_the_middle(numbers):
    picture, (parts,), ends = drawing(TimeWindow.of(numbers))
    assert {y for part in parts for _, y in part} == {picture.height / 2}
    assert ends == [f"{numbers[0]:.3g}"]


def test_the_peak_of_a_long_series_is_drawn_and_the_picture_stays_small():
    numbers = [math.sin(step / 50) for step in range(20_000)]
    numbers[7_777] = 9.0
    picture, (parts,), ends = drawing(TimeWindow.of(numbers))
    assert min(y for part in parts for _, y in part) == pytest.approx(4.0)
    assert all(0 <= x <= picture.width for part in parts for x, _ in part)
    assert ends[0] == "9"


@pytest.mark.parametrize("numbers", [[1e308, -1e308, 0.0], [5e-324, 0.0, 1e-323], [1e300] * 3])
def test_huge_and_tiny_numbers_are_drawn(numbers):
    picture, (parts,), _ = drawing(TimeWindow.of(numbers))
    assert all(4 <= y <= picture.height - 4 for part in parts for _, y in part)


def test_channels_have_a_line_each_on_scales_of_their_own():
    window = TimeWindow.of([1.0, 1000.0, 2.0, 3000.0, 3.0, 2000.0], channels=2)
    _, ((one,), (two,)), ends = drawing(window)
    assert min(y for _, y in one) == min(y for _, y in two)
    assert ends == []
    silent = TimeWindow.of([1.0, GAP, 2.0, GAP], channels=2)
    assert len(drawing(silent)[1]) == 1
    assert kinds.facet("timeseries", Show).picture(TimeWindow.of([1.0] * 18, channels=9)) is None


@pytest.mark.parametrize(
    "cells",
    [
        ["[1, 2.5]", "3;4;NA", None, "much", "[null, -0.0]", ""],
        ["[[1, 2], [3, null]]", "[[5, 6]]", None],
        ["[[1, 2]]", "3;4"],  # of one channel and of two
        ["much", None],
        [None, None],
        [[1, 2.5], "3;4", None, [None, None]],
    ],
)
def test_a_column_read_cell_by_cell_is_as_its_cells_are(cells):
    column = kinds.facet("timeseries", Column)
    given = pl.Series(
        "a", cells, dtype=pl.String if all(not isinstance(one, list) for one in cells) else pl.Object
    )
    found, one_by_one = column.parse(given), parse_by_value(column, given)
    assert found.values.dtype == one_by_one.values.dtype == column.dtype()
    assert found.values.name == "a"
    assert found.values.to_list() == one_by_one.values.to_list()
    assert {place: str(one) for place, one in found.refused.items()} == {
        place: str(one) for place, one in one_by_one.refused.items()
    }
