"""Waiting for what another thread or process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(true: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    """Tell whether a condition comes true within so many seconds."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
