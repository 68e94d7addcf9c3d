"""Progress as a parameter: a stage reports, whoever called it decides how that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


class ProgressTask(Protocol):
    """One piece of work under way."""

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Report that `steps` more are done; `note` is a short figure to show beside them."""


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
