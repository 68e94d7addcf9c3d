"""Reports what validation gives while a trial learns, and ends the trial where the search asks for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from modelwright.core.progress import VALIDATION_ERROR, VALIDATION_LOSS, LearningPoint, ProgressTask
from modelwright.stages.tune.pruning import MOST

_ROUNDS = 10  # of boosting, a point


class Pruned(BaseException):
    """Ends a trial in the middle of its learning; no learner takes it for an error of its own."""


class Reporting:
    """A Progress whose tasks report scores.

    report: called with a point of learning (see `stages.tune.pruning`) and the score there; returns whether to end.
    """

    def __init__(self, report: Callable[[int, float], bool]) -> None:
        self._report = report
        self._last = 0
        self._part: str | None = None

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task; `total` says how far a step has come."""
        yield _ReportedTask(self, total)

    def say(self, line: str) -> None:
        """Show nothing."""

    def take(self, point: LearningPoint, total: int | None) -> None:
        """Report a point that has a score and lies behind the last; raises Pruned."""
        figures = point.figures
        score = figures.get(VALIDATION_ERROR, figures.get(VALIDATION_LOSS))
        if score is None or (self._last and point.of != self._part):
            return  # of several that are learned one after the other, the first
        at = (
            point.step // _ROUNDS
            if point.unit == "round"
            else MOST * point.step // max(total or point.step, 1)
        )
        if at <= self._last:
            return
        self._last, self._part = at, point.of
        if self._report(at, score):
            raise Pruned


class _ReportedTask:
    def __init__(self, reporting: Reporting, total: int | None) -> None:
        self._reporting, self._total = reporting, total

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Do nothing."""

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        """Do nothing: what is for the eye alone may change with the machine."""

    def record(self, point: LearningPoint) -> None:
        """Take a point of the record."""
        self._reporting.take(point, self._total)
