"""Progress as a parameter: a stage reports, whoever called it decides how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

# What learning shows of itself, by names that are worded where they are shown (`figure.name`).
LOSS, VALIDATION_LOSS, VALIDATION_ERROR = "loss", "validation-loss", "validation-error"
LEARNING_RATE, GRADIENT_NORM, PENALTY = "learning-rate", "gradient-norm", "l2"


@dataclass(frozen=True)
class LearningPoint:
    """Figures at one step, which follow from data and settings alone: no time, and the same after a kill.

    of: the output or the part that is learned, None where there is one; unit: what a step is (`step`, `round`, `fit`);
    kept: whether what was learned at this step is what was kept in the end.
    """

    step: int
    figures: Mapping[str, float] = field(default_factory=dict)
    of: str | None = None
    unit: str = "step"
    kept: bool = False


class ProgressTask(Protocol):
    """One piece of work under way."""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Report that `steps` more are done; `note` is a short figure to show beside them."""


@runtime_checkable
class LearningTask(ProgressTask, Protocol):
    """A task that takes figures of what is learned, too."""

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        """Take the newest figures, for the eye; rows: how many were read since the last time."""

    def record(self, point: LearningPoint) -> None:
        """Take a point of the record. After a kill those of before it come again, first and alike."""


class Progress(Protocol):
    """Receives what work is under way."""

    def task(self, title: str, total: int | None = None) -> AbstractContextManager[ProgressTask]:
        """Open a task of `total` steps (None: unknown) for the length of a `with` block."""

    def say(self, line: str) -> None:
        """Show one line of text."""


@runtime_checkable
class StageProgress(Progress, Protocol):
    """A Progress that also shows stages that have ended, and leaves them there while the rest goes on."""

    def finished(self, name: str, status: str, seconds: float, found: str) -> None:
        """Show a stage, what became of it (`done` or `cached`), how long it took, and what it came to."""


class _SilentTask:
    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Do nothing."""


class Silent:
    """A Progress that shows nothing."""

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task that nobody sees."""
        yield _SilentTask()

    def say(self, line: str) -> None:
        """Show nothing."""


def seen(task: ProgressTask, figures: Mapping[str, float], rows: int = 0) -> None:
    """Show figures beside a task, where whoever watches takes some."""
    if isinstance(task, LearningTask):
        task.seen(figures, rows)


def record(task: ProgressTask, point: LearningPoint) -> None:
    """Record a point of a task, where whoever watches takes some."""
    if isinstance(task, LearningTask):
        task.record(point)


class _PartTask:
    def __init__(self, task: ProgressTask, named: Callable[[str | None], str | None]) -> None:
        self._task, self._named = task, named

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        self._task.advance(steps, note)

    def seen(self, figures: Mapping[str, float], rows: int = 0) -> None:
        seen(self._task, figures, rows)

    def record(self, point: LearningPoint) -> None:
        if (name := self._named(point.of)) is not None:
            record(self._task, replace(point, of=name))


class OfPart:
    """A Progress of one part of what is learned.

    Points are recorded under the part's name, or not at all where it has none. named: instead, of what a point was of.
    """

    def __init__(
        self,
        progress: Progress,
        part: str | None = None,
        named: Callable[[str | None], str | None] | None = None,
    ) -> None:
        self._progress = progress
        self._named = named or (lambda of: part)

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[ProgressTask]:
        """Open a task of the part."""
        with self._progress.task(title, total) as task:
            yield _PartTask(task, self._named)

    def say(self, line: str) -> None:
        """Show one line."""
        self._progress.say(line)
