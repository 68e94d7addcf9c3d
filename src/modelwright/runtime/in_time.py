"""Bounds the trial of a body that nobody has run yet: a graph may loop without an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelwright.core.messages import PackageError, Problem
from modelwright.core.units import format_duration

TRIAL_S = 100.0  # less than a gateway waits for a version to start, so that it says why


@contextmanager
def in_time(interrupt: Callable[[], None]) -> Iterator[None]:
    """Call `interrupt` where the block takes too long; raises PackageError in place of what it then raises."""
    late = threading.Event()

    def ended() -> None:
        late.set()
        interrupt()

    timer = threading.Timer(TRIAL_S, ended)
    timer.daemon = True
    timer.start()
    try:
        yield
    except PackageError:
        if late.is_set():
            problem = Problem("package.cannot-answer", late=format_duration(TRIAL_S))
            raise PackageError(problem) from None
        raise
    finally:
        timer.cancel()
