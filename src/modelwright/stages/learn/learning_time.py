"""For how long processes have learned, one after another, whatever killed them; it decides nothing but a cut."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from modelwright.storage import disk

NAME = "time.json"
LIMIT, LEAST_OVER_S = 1.5, 60.0
"""Times the planned seconds, and at least so many over them, before the clock ends a learning (decision 022)."""

_WRITE_EVERY_S = 5.0


def limit_s(planned_s: float) -> float:
    """Return the seconds of the clock after which learning ends that was planned to take so many on a quiet machine."""
    return max(LIMIT * planned_s, planned_s + LEAST_OVER_S)


class LearningTime:
    """The seconds since learning began, without those in which no process learned.

    scratch: where earlier processes left theirs; now: seconds of a monotonic clock.
    """

    def __init__(self, scratch: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path = scratch / NAME
        self._now = now
        self._before = _read(self._path)
        self._begun = self._written = now()

    def seconds(self) -> float:
        """Return the seconds of all processes together."""
        return self._before + self._now() - self._begun

    def is_over(self, seconds: float) -> bool:
        """Tell whether so many seconds have passed. What has passed is written down now and then."""
        if self._now() - self._written >= _WRITE_EVERY_S:
            self.write()
        return self.seconds() >= seconds

    def write(self) -> None:
        """Write down what has passed, for the process after this one."""
        self._written = self._now()
        disk.write_atomically(self._path, json.dumps({"seconds": self.seconds()}), durable=False)


def _read(path: Path) -> float:
    try:
        return max(0.0, float(json.loads(path.read_text(encoding="utf-8"))["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0  # none before this one, or one that was killed by a power cut: it has more time then
