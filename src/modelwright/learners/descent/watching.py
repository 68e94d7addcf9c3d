"""What a training shows of itself: figures of each step for the eye, and points that are kept.

Which steps make a point follows from their number alone, and what is summed up for the next one lies in the
checkpoint, so that a run that was killed records what an unbroken one does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.core import progress
from modelwright.core.progress import (
    GRADIENT_NORM,
    LEARNING_RATE,
    LOSS,
    VALIDATION_ERROR,
    VALIDATION_LOSS,
    LearningPoint,
    ProgressTask,
)
from modelwright.learners.descent.recipe import Score

MOST_POINTS = 200


class TrainingWatch:
    """Follows the steps of a training of at most so many steps; errors: whether scores have any beside their loss."""

    def __init__(self, task: ProgressTask, steps: int, *, errors: bool = True) -> None:
        self._task, self._errors = task, errors
        # rounded up, so that there are never more points than that
        self._every = max(1, -(-steps // MOST_POINTS))
        self._points: list[list[float]] = []  # step, loss, rate, norm
        self._sums = [0.0, 0.0]  # of losses and norms since the last point
        self._count = 0
        self._rate = 0.0  # of the last step

    def step(self, step: int, loss: float, rate: float, norm: float, rows: int) -> None:
        """Take what a step came to: its loss, rate and gradient norm; rows: that it read."""
        self._sums = [self._sums[0] + loss, self._sums[1] + norm]
        self._count, self._rate = self._count + 1, rate
        # for the eye the step itself; what is kept are means
        progress.seen(self._task, {LOSS: loss, LEARNING_RATE: rate, GRADIENT_NORM: norm}, rows)
        if step % self._every == 0:
            self._point(step)

    def score(self, score: Score) -> None:
        """Take what validation gave."""
        figures = {VALIDATION_LOSS: score.loss}
        figures |= {VALIDATION_ERROR: score.wrong} if self._errors else {}
        progress.seen(self._task, figures)
        progress.record(self._task, LearningPoint(score.step, _finite(figures)))

    def end(self, step: int, kept: Score) -> None:
        """Record what is left, and which step was kept."""
        # the steps since the last point, fewer than there are to others
        if self._count:
            self._point(step)
        progress.record(self._task, LearningPoint(kept.step, kept=True))

    def to_json(self) -> dict[str, Any]:
        """Return what `restore` takes."""
        return {"points": self._points, "sums": self._sums, "count": self._count, "rate": self._rate}

    def restore(self, kept: Mapping[str, Any] | None, history: Sequence[Score]) -> None:
        """Go on where a checkpoint was written; what was recorded before is recorded again. None: it kept nothing."""
        if kept is not None:
            # the sums, too: the mean of the next point is over steps before the kill and after it
            self._points, self._sums = kept["points"], kept["sums"]
            self._count, self._rate = kept["count"], kept["rate"]
        for point in self._points:
            self._record(point)
        for score in history:
            self.score(score)

    def _point(self, step: int) -> None:
        # the mean over the steps since the last point: one batch alone says little
        point = [step, self._sums[0] / self._count, self._rate, self._sums[1] / self._count]
        self._points.append(point)
        self._sums, self._count = [0.0, 0.0], 0
        self._record(point)

    def _record(self, point: Sequence[float]) -> None:
        step, loss, rate, norm = point
        figures = {LOSS: loss, LEARNING_RATE: rate, GRADIENT_NORM: norm}
        progress.record(self._task, LearningPoint(int(step), _finite(figures)))


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    # JSON has no infinity, and no chart draws one
    return {name: value for name, value in figures.items() if math.isfinite(value)}
