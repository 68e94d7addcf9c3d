"""LearningCurves of learning, as `learn` seals them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.messages import StateError
from modelwright.core.progress import LearningPoint
from modelwright.storage.formats.learning_curves import MOST_POINTS, LearningCurves


def test_many_points_become_some_hundred_and_keep_the_last_the_least_and_the_greatest(tmp_path: Path) -> None:
    points = [LearningPoint(step, {"validation-loss": abs(step - 777) + 1.0}) for step in range(1, 5_001)]
    LearningCurves.of(points).write(tmp_path)
    (learned,) = LearningCurves.read(tmp_path).learned
    curve = learned.curve("validation-loss")
    assert curve is not None
    assert len(curve.steps) <= MOST_POINTS + 3
    assert {777, 5_000} <= set(curve.steps)
    assert list(curve.steps) == sorted(set(curve.steps))
    assert curve.values == tuple(abs(step - 777) + 1.0 for step in curve.steps)


def test_outputs_and_units_have_curves_of_their_own_and_a_step_that_comes_again_counts_once() -> None:
    found = LearningCurves.of(
        [
            LearningPoint(1, {"loss": 3.0}, "a", "round"),
            LearningPoint(1, {"loss": 2.0}, "a", "round"),
            LearningPoint(2, of="a", unit="round", kept=True),
            LearningPoint(1, {"loss": 1.0}, "b", "fit"),
        ]
    )
    assert [(one.of, one.unit, one.kept) for one in found.learned] == [("a", "round", 2), ("b", "fit", None)]
    assert [one.curves[0].values for one in found.learned] == [(2.0,), (1.0,)]


def test_nothing_recorded_is_no_curve(tmp_path: Path) -> None:
    LearningCurves.of([]).write(tmp_path)
    assert LearningCurves.read(tmp_path) == LearningCurves()


def test_a_file_that_is_none_of_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / "curves.json").write_text('{"format": 99}')
    with pytest.raises(StateError):
        LearningCurves.read(tmp_path)
