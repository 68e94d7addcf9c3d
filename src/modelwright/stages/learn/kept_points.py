"""Keeps the points that a learner records, and passes everything on to whoever watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from modelwright.core import progress as progress_of
from modelwright.core.progress import LearningPoint, Progress, ProgressTask


class Recording:
    """A Progress that keeps the points of all its tasks."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self.points: list[LearningPoint] = []

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task whose points are kept."""
        with self._inner.task(title, total) as task:
            yield _RecordedTask(task, self.points)

    def say(self, line: str) -> None:
        """Show one line."""
        self._inner.say(line)


class _RecordedTask:
    def __init__(self, inner: ProgressTask, points: list[LearningPoint]) -> None:
        self._inner, self._points = inner, points

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self._inner.advance(steps, note)

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        progress_of.seen(self._inner, figures, rows)

    def record(self, point: LearningPoint) -> None:
        self._points.append(point)
        progress_of.record(self._inner, point)
