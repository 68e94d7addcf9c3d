"""Makes torch's results depend on the setup alone, and leaves torch as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic(threads: int, seed: int) -> Iterator[None]:
    """Run a block with deterministic algorithms, this many threads and this seed; then restore torch.

    The number of threads matters to the bits: a sum that is split otherwise is rounded otherwise.
    """
    before = torch.get_num_threads()
    strict, warn = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    # the CPU's generator alone: no learner draws on another device
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        # it shows who reads what nobody wrote, which takes 5 % of a step and changes no number that is read
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
            torch.use_deterministic_algorithms(strict, warn_only=warn)
