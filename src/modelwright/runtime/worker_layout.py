"""How the workers of a version share the cores, and how many of them the memory holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda"]

_ROWS = 16  # of a pass of a worker that has all cores
# Of a pass, for each thread, where workers share the cores: a thread gains nothing from more (MiniLM took 1.56 ms a row
# in passes of 8, and 1.61 in passes of 16), and the shorter a pass is, the sooner comes the turn of who waits.
_ROWS_OF_THREAD = 8
# That further workers may take: they grow, and another version is to be loaded beside them.
OF_FREE_MEMORY = 0.5


@dataclass(frozen=True)
class WorkerLayout:
    """How many workers keep the cores of this machine busy, each with so many threads; on_gpu: graphs run on a GPU."""

    workers: int
    threads: int
    on_gpu: bool = False

    @property
    def device(self) -> Device:
        """Return where graphs run."""
        return "cuda" if self.on_gpu else "cpu"

    @property
    def rows(self) -> int:
        """Return how many rows may share a pass."""
        return _ROWS_OF_THREAD * self.threads if self.workers > 1 else _ROWS

    def within(self, one_bytes: int | None, free_bytes: int | None, most_bytes: int | None) -> int:
        """Return how many workers there may be, one at least.

        one_bytes: what a worker takes; free_bytes: what is free beside the first; most_bytes: what all may take. None:
        not known, or not bounded.
        """
        if one_bytes is None:
            return self.workers if most_bytes is None else 1
        found = self.workers
        if free_bytes is not None:
            found = min(found, 1 + int(OF_FREE_MEMORY * free_bytes // one_bytes))
        if most_bytes is not None:
            found = min(found, most_bytes // one_bytes)
        return max(1, found)
