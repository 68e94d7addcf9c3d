"""Lines of a log: shown safely, and bounded, however many requests there are that ask for the same line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TextIO

from modelwright.core.messages import Phrase, visible

WINDOW_S = 60.0
MOST_ALIKE = 3  # lines that are written out in a window; the rest are counted
MOST_LINES = 200  # of all sorts together, in a window
FORMAT = "%(asctime)s %(levelname)s %(message)s"
_FUNCTION: ContextVar[str] = ContextVar("function", default="")  # that lines are about


@contextmanager
def about(function: str) -> Iterator[None]:
    """Name a function in the lines of this task, and of those that it begins: several may share a log."""
    token = _FUNCTION.set(function)
    try:
        yield
    finally:
        _FUNCTION.reset(token)


class VisibleFormatter(logging.Formatter):
    """Formats records so that nothing in them acts on a terminal, and none looks like two."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record; those after the first are indented."""
        return visible(super().format(record)).replace("\n", "\n    ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - a name of `logging`
        """Return the first line, with the function that it is about where there are several."""
        record.message = _named(record.message)
        return super().formatMessage(record)


@dataclass
class _Alike:
    """Records that say the same: since when, how many, and how many of them were left out."""

    since: float
    written: int = 0
    left_out: int = 0


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream (stderr): of those alike, and of all, so many in a window; the rest are counted.

    Alike are records of one text, and exceptions of one class from one line of code, whatever request raised them.
    What was left out is said when the window has passed and another record comes, or at the end. `clock` gives seconds.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.setFormatter(VisibleFormatter(FORMAT))
        self._clock = clock
        self._alike: dict[Hashable, _Alike] = {}
        self._all = _Alike(clock())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        now = self._clock()
        self._close_windows(now - WINDOW_S)
        kind = _kind(record)
        alike = self._alike.get(kind)
        if alike is None and len(self._alike) < MOST_LINES:
            alike = self._alike[kind] = _Alike(now)
        if alike is None or self._all.written >= MOST_LINES:
            self._all.left_out += 1
        elif alike.written >= MOST_ALIKE:
            alike.left_out += 1
        else:
            alike.written += 1
            self._all.written += 1
            super().emit(record)

    def close(self) -> None:
        """Say what was left out, and end."""
        self._close_windows(float("inf"))
        super().close()

    def _close_windows(self, before: float) -> None:
        for kind, alike in list(self._alike.items()):
            if alike.since <= before:
                del self._alike[kind]
                self._say(alike.left_out, kind)
        if self._all.since <= before:
            self._say(self._all.left_out, None)
            self._all = _Alike(self._clock())

    def _say(self, left_out: int, kind: Hashable) -> None:
        if left_out:
            like = None if kind is None else str(kind[-1] if isinstance(kind, tuple) else kind)[:80]
            text = str(Phrase("log.more-lines", count=left_out, like=like))
            super().emit(logging.LogRecord("modelwright", logging.WARNING, "", 0, text, None, None))


def _kind(record: logging.LogRecord) -> Hashable:
    if record.exc_info and record.exc_info[0] is not None:
        trace = record.exc_info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = None if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        return record.name, line, _named(record.exc_info[0].__name__)
    return _named(record.getMessage()[:300])


def _named(text: str) -> str:
    function = _FUNCTION.get()
    return f"{function}: {text}" if function else text
