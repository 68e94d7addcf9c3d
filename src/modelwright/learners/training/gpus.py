"""GPUs as torch sees them, and how long work takes on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from modelwright.learners import timing


def names() -> tuple[str, ...]:
    """Return the names of the GPUs that torch can compute on, by their numbers."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(torch.cuda.get_device_name(place) for place in range(count))


@contextmanager
def using(threads: int) -> Iterator[None]:
    """Compute on so many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seconds_in_use(works: Sequence[Callable[[], object]], device: torch.device) -> float:
    """Return the seconds on a quiet machine of all these works, on as many threads as there are in use."""
    if device.type == "cpu":
        return timing.in_use(works)
    return timing.by_the_clock(works, lambda: torch.cuda.synchronize(device))


def seconds(works: Sequence[Callable[[], object]], threads: int, device: torch.device) -> float:
    """Return the seconds on a quiet machine of all these works, one after the other, on a device.

    threads: of a processor. What a GPU does costs no CPU time: there the clock counts, once all of it is done.
    """
    if device.type == "cpu":
        return timing.seconds(works, threads, torch.set_num_threads)
    return timing.by_the_clock(works, lambda: torch.cuda.synchronize(device))
