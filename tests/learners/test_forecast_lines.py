"""Forecasts and vectors by `linear`, and what comes round again in forecasts by `trees`."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from modelwright import kinds, learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Role
from modelwright.kinds.timeseries.window import TimeWindow
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.linear.fits import NumberRegression
from modelwright.learners.linear.ridge_columns import ColumnsRegression
from modelwright.learners.trees import ahead
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.window_form import WindowForm

WINDOW, HORIZON = 24, 6


def learned(folder: Path, name: str, signature: Signature, train: Examples, held: Examples) -> Function:
    spec = learners.spec(name)
    out, scratch = folder / "out", folder / "scratch"
    for made in (out, scratch):
        made.mkdir(parents=True)
    setup = Setup(name, 100, 1, 1, "float32", "avx2", 0, spec.Options(), spec.Training(), None)
    learners.learn(name).learn(signature, Rows(train, held), setup, out, scratch, Silent())
    return Function(Package(learners.export(name).export(out), "", threads=1))


def windows(numbers: np.ndarray, begins: range, **columns: Any) -> Examples:
    """Return windows of numbers, with the columns that are made of the place of the last step of each."""
    past = [TimeWindow.of(numbers[at : at + WINDOW].tolist()) for at in begins]
    following = [TimeWindow.of(numbers[at + WINDOW : at + WINDOW + HORIZON].tolist()) for at in begins]
    more = {name: [of(at + WINDOW - 1) for at in begins] for name, of in columns.items()}
    return Examples(
        [f"row-{at}" for at in begins], {"past": past, "next": following, **more}, WindowForm(3600.0)
    )


def answered(function: Function, rows: Examples) -> np.ndarray:
    inputs = {field.name: rows.columns[field.name] for field in function.signature.inputs}
    return np.array([row["next"].value.flat for row in function.answer(inputs)])


def truths(rows: Examples) -> np.ndarray:
    return np.array([one.flat for one in rows.columns["next"]])


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_a_line_forecasts_what_follows_from_a_line(tmp_path: Path, gaps: float) -> None:
    draw = np.random.default_rng(0)
    numbers = 100 + 30 * np.sin(np.arange(600) / 5) + 10 * np.cos(np.arange(600) / 3)
    numbers[draw.random(600) < gaps] = math.nan
    signature = Signature.parse("f(past: timeseries) -> next: timeseries")
    train, held = windows(numbers, range(400)), windows(numbers, range(430, 560, 5))
    function = learned(tmp_path, "linear", signature, train, held)
    off = np.abs(answered(function, held) - truths(held))
    assert np.nanmean(off) < (1.0 if not gaps else 12.0)


def test_a_line_answers_vectors(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    given = draw.normal(size=(300, 5))
    wanted = given @ draw.normal(size=(5, 3)) + 2
    signature = Signature.parse("f(x: vector) -> y: vector")
    rows = Examples(
        [str(at) for at in range(300)],
        {"x": [tuple(row) for row in given.tolist()], "y": [tuple(row) for row in wanted.tolist()]},
    )
    function = learned(tmp_path, "linear", signature, rows, rows)
    found = np.array([row["y"].value for row in function.answer({"x": rows.columns["x"]})])
    assert np.abs(found - wanted).max() < 0.05


def test_many_columns_are_fitted_as_if_each_were_alone() -> None:
    draw = np.random.default_rng(0)
    design = sparse.csr_matrix(draw.normal(size=(200, 7)))
    truth = draw.normal(size=(200, 4)) + 3
    truth[:20, 1], truth[:20, 2], truth[:, 3] = math.nan, math.nan, math.nan
    weights, bias = ColumnsRegression("absolute").fit(design, truth, 2.0, 10)
    for place in range(3):
        line = NumberRegression(np.asarray, np.asarray)
        one, own = line.fit(design, truth[:, place], 2.0, 1000)
        assert np.allclose(weights[:, place], one[:, 0], atol=1e-5)
        assert bias[place] == pytest.approx(own[0], abs=1e-5)
    assert not weights[:, 3].any()
    assert bias[3] == 0.0


def test_what_is_wider_than_products_may_be_is_fitted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    design, truth = sparse.csr_matrix(draw.normal(size=(100, 5))), draw.normal(size=(100, 2))
    at_once = ColumnsRegression("squared").fit(design, truth, 1.0, 100)
    monkeypatch.setattr("modelwright.learners.linear.ridge_columns.MOST_FEATURES", 2)
    one_by_one = ColumnsRegression("squared").fit(design, truth, 1.0, 100)
    assert np.allclose(at_once[0], one_by_one[0], atol=1e-5)
    assert np.allclose(at_once[1], one_by_one[1], atol=1e-5)


def test_circles_are_turned_to_the_step_that_is_answered() -> None:
    day = 86_400.0
    turns = ahead.turns_of(((1, day), (3, 365 * day), (5, 3600.0)), 3600.0)
    assert [turn.column for turn in turns] == [1, 3]  # an hour is no part of an hour
    now = 2 * math.pi * np.array([5, 23]) / 24
    others = np.column_stack([np.zeros(2), np.sin(now), np.cos(now), np.zeros((2, 2))])
    found = ahead.Ahead(3, (), turns[:1]).matrix(others, {}).reshape(2, 3, -1)
    then = now[:, None] + 2 * math.pi * np.arange(3) / 24
    assert np.allclose(found[:, :, -2], np.sin(then))
    assert np.allclose(found[:, :, -1], np.cos(then))
    assert ahead.turns_of(((1, day),), None) == ()


def test_trees_see_the_time_of_the_step_that_is_answered(tmp_path: Path) -> None:
    """A night with rain in it shows nothing of the hour of its end; the clock does."""
    draw = np.random.default_rng(0)
    hours = np.arange(3000)
    begin = datetime(2024, 1, 1)
    # what came tells nothing of the time: only every day's 6th hour is high, and a window of 24 steps is mixed up
    numbers = np.where(hours % 24 == 6, 50.0, 10.0) + draw.normal(size=3000)
    signature = Signature.parse("f(past: timeseries, when: date) -> next: timeseries")

    def mixed(rows: Examples) -> Examples:
        past = [TimeWindow.of(draw.permutation(one.flat).tolist()) for one in rows.columns["past"]]
        return Examples(rows.ids, {**rows.columns, "past": past}, rows.windows)

    def when(at: int) -> str:
        return (begin + timedelta(hours=at)).isoformat()

    train = mixed(windows(numbers, range(0, 2400, 5), when=when))
    held = mixed(windows(numbers, range(2450, 2950, 7), when=when))
    function = learned(tmp_path, "trees", signature, train, held)
    off = np.abs(answered(function, held) - truths(held))
    assert off.mean() < 2.5


def demand(hours: int, seed: int, *, growth: float, restless: float) -> np.ndarray:
    """Return a day's and a week's rhythm with noise in proportion, that grows, and that is restless in turns."""
    draw, hour = np.random.default_rng(seed), np.arange(hours)
    level = 100 * (1 + growth * hour / hours)
    form = 1 + 0.5 * np.sin(2 * np.pi * hour / 24) + 0.2 * np.sin(2 * np.pi * hour / 168)
    spread = np.where((hour // (24 * 40)) % 2 == 1, 1 + restless, 1.0)
    slow = np.repeat(draw.normal(size=hours // 24 + 1), 24)[:hours]  # a day's errors go together
    return np.maximum(level * form * (1 + 0.06 * spread * (slow + draw.normal(size=hours))), 0.0)


@pytest.mark.parametrize(("growth", "restless"), [(0.0, 0.0), (1.5, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_interval_of_80_percent_holds_75_to_85(
    tmp_path: Path, growth: float, restless: float, seed: int
) -> None:
    numbers = demand(24 * 400, seed, growth=growth, restless=restless)
    signature = Signature.parse("f(past: timeseries) -> next: timeseries")

    def cut(begin: int, end: int, apart: int) -> Examples:
        places = range(begin, end - 72, apart)
        return Examples(
            [str(at) for at in places],
            {
                "past": [TimeWindow.of(numbers[at : at + 48].tolist()) for at in places],
                "next": [TimeWindow.of(numbers[at + 48 : at + 72].tolist()) for at in places],
            },
        )

    train, held, test = cut(0, 24 * 280, 5), cut(24 * 280, 24 * 320, 29), cut(24 * 320, 24 * 400, 29)
    function = learned(tmp_path, "linear", signature, train, held)
    answers = [row["next"].interval for row in function.answer({"past": test.columns["past"]})]
    low, high = (np.array([one[end] for one in answers]) for end in ("low", "high"))
    within = (low <= truths(test)) & (truths(test) <= high)
    assert 0.75 <= within.mean() <= 0.85


def test_few_windows_widen_an_interval_rather_than_narrow_it() -> None:
    """Over many draws of few calibration rows the next row lies within at least as often as is said."""
    arrays, draw, held = kinds.arrays("timeseries"), np.random.default_rng(0), []
    for _ in range(150):
        size = draw.gamma(4, size=14)[:, None]  # a row's errors go together
        numbers = 100 + 5 * size * draw.normal(size=(14, 4))
        past = [TimeWindow.of([100.0] * 8) for _ in numbers]
        following = [TimeWindow.of(row.tolist()) for row in numbers]
        inputs = {"past": past[:13]}
        state = arrays.fit(
            following[:13], role=Role.OUTPUT, inputs=inputs, input_kinds={"past": "timeseries"}
        )
        body = {"quantiles": np.zeros((13, 4, 3), np.float32)}
        state = arrays.calibrate(body, following[:13], state, inputs)
        one = {"quantiles": body["quantiles"][:1]}
        found = arrays.outcomes(following[13:], one, state, {"past": past[13:]})
        held.append(((found.low <= found.truth) & (found.truth <= found.high)).mean())
    assert np.mean(held) > 0.8
