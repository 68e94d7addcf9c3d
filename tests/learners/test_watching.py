"""What a training records of itself: by step alone, and the same after it was cut off."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from modelwright.core.progress import LearningPoint, OfPart, Silent
from modelwright.learners.descent.recipe import Score
from modelwright.learners.descent.watching import MOST_POINTS, TrainingWatch
from modelwright.stages.learn.kept_points import Recording
from modelwright.storage.formats.learning_curves import LearningCurves


class Kept:
    """A task that keeps what is recorded."""

    def __init__(self) -> None:
        self.points: list[LearningPoint] = []

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Do nothing."""

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        """Do nothing."""

    def record(self, point: LearningPoint) -> None:
        """Keep it."""
        self.points.append(point)


def _step(watch: TrainingWatch, step: int) -> None:
    watch.step(step, 1 / step, 0.1 * step, math.sqrt(step), rows=8)


@pytest.mark.parametrize("steps", [1, 7, MOST_POINTS, 3 * MOST_POINTS + 17])
def test_a_run_that_was_cut_off_anywhere_records_what_an_unbroken_one_does(steps: int) -> None:
    score = Score(steps, 0.25, 0.5)
    whole = Kept()
    watch = TrainingWatch(whole, steps)
    for step in range(1, steps + 1):
        _step(watch, step)
    watch.score(score)
    watch.end(steps, score)
    for cut in sorted({0, 1, steps // 2, steps - 1, steps}):
        first = TrainingWatch(Kept(), steps)
        for step in range(1, cut + 1):
            _step(first, step)
        rest = Kept()
        second = TrainingWatch(rest, steps)
        second.restore(json.loads(json.dumps(first.to_json())), [])
        for step in range(cut + 1, steps + 1):
            _step(second, step)
        second.score(score)
        second.end(steps, score)
        assert LearningCurves.of(rest.points) == LearningCurves.of(whole.points)
    (learned,) = LearningCurves.of(whole.points).learned
    loss = learned.curve("loss")
    assert loss is not None
    assert len(loss.steps) <= MOST_POINTS + 1
    assert loss.steps[-1] == learned.kept == steps


def test_a_checkpoint_from_before_there_was_a_record_goes_on_without_its_beginning() -> None:
    task = Kept()
    watch = TrainingWatch(task, 10)
    watch.restore(None, [Score(5, 0.5, 1.0)])
    _step(watch, 6)
    assert [point.step for point in task.points] == [5, 6]


def test_what_is_no_finite_number_is_left_out() -> None:
    task = Kept()
    TrainingWatch(task, 1).step(1, 0.5, 0.1, math.inf, rows=1)
    assert task.points[0].figures == {"loss": 0.5, "learning-rate": 0.1}


def test_parts_are_recorded_by_their_names_and_what_has_none_not_at_all() -> None:
    recording = Recording(Silent())
    for part in ("sound", None):
        with OfPart(recording, part).task("learning", 1) as task:
            TrainingWatch(task, 1).step(1, 0.5, 0.1, 1.0, rows=1)
    assert [point.of for point in recording.points] == ["sound"]
