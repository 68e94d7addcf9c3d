"""A kill between two steps of a training: a progress that raises after so many reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelwright.core.progress import Silent


class CutError(Exception):
    """Stands for a kill."""


class Cutting(Silent):
    """A progress that cuts a run off after so many reports."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def task(self, title: str, total: int | None = None) -> Iterator[Cutting]:
        """Report to this one."""
        yield self

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Raise where all reports are used up."""
        self.left -= 1
        if self.left < 0:
            raise CutError
